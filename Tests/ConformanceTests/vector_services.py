"""Weaviate, Pinecone, Elasticsearch and OpenSearch as their published protocols have them, as far as an
import asks: none of them can be started here. They page, refuse, ask to slow down and forget as those do.
"""

from __future__ import annotations

import base64
import json

from http_service import Service


def packed(value, status: int = 200, **headers: str):
    return status, json.dumps(value).encode(), {"content-type": "application/json", **headers}


class Failing(Service):
    """`failures` are answered first, each once: by the number of the call or by a part of its
    address."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict = {}

    def answer(self, method, path, query, body, headers):
        number = len(self.calls) - 1
        for key in list(self.failures):
            if key == number or isinstance(key, str) and key in self.calls[-1]:
                return self.failures.pop(key)
        refused = self.refuse(headers)
        if refused:
            return refused
        return self.reply(method, path, query, json.loads(body) if body else None, headers)

    def refuse(self, headers):
        return None


class Weaviate(Failing):
    """`/v1/schema`, `/v1/objects` with the cursor `after`, and counts by GraphQL."""

    def __init__(self, schema: dict, objects: list[dict]) -> None:
        super().__init__()
        self.schema = schema
        self.objects = sorted(objects, key=lambda each: each["id"])

    def refuse(self, headers):
        if headers.get("authorization") != "Bearer w-key":
            return packed({"code": 401, "message": "unauthorized: invalid api key"}, 401)

    def reply(self, method, path, query, body, headers):
        name = self.schema["class"]
        if path == f"/v1/schema/{name}":
            return packed(self.schema)
        if path == "/v1/graphql":
            assert method == "POST"
            if f"Aggregate{{{name}" not in body["query"]:
                return packed({"data": None, "errors": [{"message": "no such class"}]})
            tenant = body["query"].partition('tenant: "')[2].partition('"')[0]
            count = len(self.of(tenant or None))
            return packed({"data": {"Aggregate": {name: [{"meta": {"count": count}}]}}})
        if path == "/v1/objects" and query.get("class") == name:
            found = self.of(query.get("tenant"))
            if "after" in query:
                found = [each for each in found if each["id"] > query["after"]]
            if query.get("include") != "vector":
                found = [{key: value for key, value in each.items()
                          if key not in ("vector", "vectors")} for each in found]
            page = found[:int(query["limit"])]
            return packed({"deprecations": None, "totalResults": len(page), "objects": page})
        return 404, b"", {}

    def of(self, tenant):
        return [each for each in self.objects if each.get("tenant") == tenant]


class Pinecone(Failing):
    """The data plane of an index: statistics, `list` with tokens, `fetch`."""

    def __init__(self, facts: dict, namespaces: dict[str, dict[str, dict]]) -> None:
        super().__init__()
        self.facts = facts
        self.namespaces = namespaces
        self.versions: set = set()

    def refuse(self, headers):
        self.versions.add(headers.get("x-pinecone-api-version"))
        if headers.get("api-key") != "p-key":
            return 401, b"Unauthorized", {"content-type": "text/plain"}

    def reply(self, method, path, query, body, headers):
        if path == "/describe_index_stats" and method == "POST":
            return packed({**self.facts, "indexFullness": 0, "namespaces": {
                name: {"vectorCount": len(vectors)} for name, vectors in self.namespaces.items()},
                "totalVectorCount": sum(map(len, self.namespaces.values()))})
        vectors = self.namespaces.get(query.get("namespace", ""), {})
        if path == "/vectors/list":
            limit = int(query.get("limit", 100))
            if not 1 <= limit <= 100:
                return packed({"code": 3, "message": "limit must be in (0, 100]", "details": []}, 400)
            start = 0
            if "paginationToken" in query:
                start = int(base64.b64decode(query["paginationToken"]))
            ids = sorted(vectors)
            answer = {"vectors": [{"id": each} for each in ids[start:start + limit]],
                      "namespace": query.get("namespace", ""), "usage": {"readUnits": 1}}
            if start + limit < len(ids):
                token = base64.b64encode(str(start + limit).encode()).decode()
                answer["pagination"] = {"next": token}
            return packed(answer)
        if path == "/vectors/fetch":
            if len(self.calls[-1]) > 8192:
                return 414, b"", {}
            return packed({"vectors": {each: {"id": each, **vectors[each]}
                                       for each in query.all("ids") if each in vectors},
                           "namespace": query.get("namespace", ""), "usage": {"readUnits": 1}})
        return packed({"code": 5, "message": "Not Found", "details": []}, 404)


class Elasticsearch(Failing):
    """Mapping, count, points in time and searches that go on behind sort values. `is_open` makes it
    OpenSearch, which calls some of that otherwise."""

    def __init__(self, mapping: dict, documents: list[tuple[str, dict]], is_open=False,
                 hides: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.mapping = mapping
        self.documents = documents
        self.is_open = is_open
        #: Fields that `_source` leaves out, as newer versions do with vectors.
        self.hides = hides
        self.opened = 0
        self.contexts: dict[str, list[tuple[str, dict]]] = {}
        self.accepts = "ApiKey e-key"

    @staticmethod
    def error(status: int, kind: str, reason: str):
        cause = {"type": kind, "reason": reason}
        return packed({"error": {"root_cause": [cause], **cause}, "status": status}, status)

    def refuse(self, headers):
        if headers.get("authorization") != self.accepts:
            return self.error(401, "security_exception", "unable to authenticate")

    def reply(self, method, path, query, body, headers):
        if path == "/docs/_mapping":
            return packed({"docs": {"mappings": self.mapping}})
        if path == "/both/_mapping":
            return packed({name: {"mappings": self.mapping} for name in ("a", "b")})
        if path == "/docs/_count":
            return packed({"count": len(self.documents), "_shards": {"failed": 0}})
        opening = "/docs/_search/point_in_time" if self.is_open else "/docs/_pit"
        if path == opening and method == "POST":
            assert query["keep_alive"]
            self.opened += 1
            pit = f"pit-{self.opened}=="
            # In an order of its own, which another point in time has not.
            documents = self.documents[::-1] if self.opened % 2 else list(self.documents)
            self.contexts[pit] = sorted(documents) if self.is_open else documents
            return packed({"pit_id" if self.is_open else "id": pit})
        if method == "DELETE" and path in ("/_pit", "/_search/point_in_time"):
            pit = body["pit_id"][0] if self.is_open else body["id"]
            return packed({"succeeded": self.contexts.pop(pit, None) is not None, "num_freed": 1})
        if path == "/_search" and method == "POST":
            return self.search(body)
        return self.error(404, "index_not_found_exception", f"no such index [{path}]")

    def search(self, body):
        if body["size"] > 10_000:
            return self.error(400, "illegal_argument_exception", "Result window is too large")
        if body["pit"]["id"] not in self.contexts:
            return self.error(404, "search_context_missing_exception", "No search context found")
        known = {"size", "track_total_hits", "pit", "sort", "search_after"} | (
            set() if self.is_open else {"fields"})
        if unknown := set(body) - known:
            return self.error(400, "parsing_exception", f"unknown key {unknown}")
        documents = self.contexts[body["pit"]["id"]]
        assert body["sort"] == [{"_id" if self.is_open else "_shard_doc": "asc"}]
        after = body.get("search_after")
        rows = [([name] if self.is_open else [number], name, source)
                for number, (name, source) in enumerate(documents)]
        page = [row for row in rows if after is None or row[0] > after][:body["size"]]
        hits = []
        for sort, name, source in page:
            hit = {"_index": "docs", "_id": name, "_score": None, "sort": sort,
                   "_source": {key: value for key, value in source.items()
                               if key not in self.hides}}
            if "fields" in body:
                hit["fields"] = {key: source[key] for key in body["fields"] if key in source}
            hits.append(hit)
        return packed({"took": 1, "timed_out": False, "pit_id": body["pit"]["id"],
                       "_shards": {"total": 1, "successful": 1, "failed": 0},
                       "hits": {"max_score": None, "hits": hits}})
