"""Texts that the server makes vectors of, compared with what the interface's own engine makes."""

from __future__ import annotations

import pytest
import qdrant_edge as edge
from qdrant_client import models
from qdrant_client.models import Document, PointStruct

import conftest
from failures import fails

pytestmark = pytest.mark.server_only("the in-memory mode makes no vectors of texts")

MODEL = "qdrant/bm25"

TEXTS = {
    "english": "The quick brown foxes weren't jumping over 12.5 lazy dogs; it's RUNNING, isn't.",
    "german": "Die schnellen braunen Füchse sprangen über die faulen Hunde, und das häufig.",
    "french": "Les renards bruns et rapides n'ont pas sauté par-dessus l'été des chiens paresseux.",
    "spanish": "Los zorros marrones rápidos saltaron sobre los perros perezosos mañana.",
    "italian": "Le volpi marroni veloci saltarono sopra i cani pigri della città.",
    "portuguese": "As raposas marrons rápidas saltaram sobre os cães preguiçosos.",
    "dutch": "De snelle bruine vossen sprongen over de luie honden.",
    "swedish": "De snabba bruna rävarna hoppade över de lata hundarna.",
    "russian": "Быстрые коричневые лисы перепрыгнули через ленивых собак, и это было хорошо.",
    "turkish": "Hızlı kahverengi tilkiler tembel köpeklerin üzerinden atladı ama acaba niçin",
    "japanese": "それ は テスト です",
}


@pytest.fixture
def texts(server, transport):
    """A client that leaves texts to the server."""
    connected = conftest.connect(server, transport, cloud_inference=True)
    yield connected
    connected.close()


@pytest.fixture
def own(collection):
    return collection(
        vectors_config={},
        sparse_vectors_config={"text": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )


def document(text: str, **options) -> Document:
    return Document(text=text, model=MODEL, options=options or None)


def stored(texts, own, document: Document) -> dict[int, float]:
    texts.upsert(own, [PointStruct(id=1, vector={"text": document})])
    [record] = texts.retrieve(own, [1], with_vectors=True)
    vector = record.vector.get("text") if record.vector else None
    return dict(zip(vector.indices, vector.values)) if vector else {}


def expected(text: str, **options) -> dict[int, float]:
    vector = edge.Bm25(edge.Bm25Config(**options)).embed_document(text)
    return dict(zip(vector.indices, vector.values))


@pytest.mark.parametrize("language", TEXTS)
def test_languages_have_their_stop_words_and_stems(texts, own, language):
    ours = stored(texts, own, document(TEXTS[language], language=language))
    assert ours == pytest.approx(expected(TEXTS[language], language=language), abs=1e-5)


@pytest.mark.parametrize(
    ("wire", "engine"),
    [
        ({"k": 2.0, "b": 0.1, "avg_len": 5.0}, {}),
        ({"tokenizer": "whitespace"}, {"tokenizer": edge.TokenizerType.Whitespace}),
        ({"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4},
         {"tokenizer": edge.TokenizerType.Prefix}),
        ({"lowercase": False}, {}),
        ({"ascii_folding": True}, {}),
        ({"min_token_len": 4, "max_token_len": 5}, {}),
        ({"stopwords": "german"},
         {"stopwords": edge.StopwordsSet(languages={edge.Language.German})}),
        ({"stopwords": {"languages": ["german"], "custom": ["fox"]}},
         {"stopwords": edge.StopwordsSet(languages={edge.Language.German}, custom={"fox"})}),
        ({"stemmer": {"type": "none"}}, {"stemmer": edge.DisabledStemmer()}),
    ],
    ids=lambda each: str(sorted(each)) if isinstance(each, dict) else None,
)
def test_options_mean_what_they_mean_elsewhere(texts, own, wire, engine):
    text = "Fox foxes the die und naïve Straße café FOX d'être über fox-hunting"
    options = {**{name: value for name, value in wire.items()}, **engine}
    assert stored(texts, own, document(text, **wire)) == pytest.approx(
        expected(text, **options), abs=1e-5
    )


def test_a_search_by_words_needs_no_model(texts, own):
    passages = [
        "Cats sleep most of the day", "Dogs bark at the mailman", "A cat and a dog are friends",
        "The weather is fine today",
    ]
    texts.upsert(own, [
        PointStruct(id=number, vector={"text": document(text)}, payload={"text": text})
        for number, text in enumerate(passages)
    ])
    hits = texts.query_points(own, query=document("sleeping cats"), using="text").points
    assert [each.id for each in hits] == [0, 2]
    query = edge.Bm25(edge.Bm25Config()).embed_query("sleeping cats")
    same = texts.query_points(
        own, query=models.SparseVector(indices=query.indices, values=query.values), using="text"
    ).points
    assert [each.score for each in hits] == pytest.approx([each.score for each in same])
    nested = texts.query_points(
        own, query=models.FusionQuery(fusion=models.Fusion.RRF),
        prefetch=[models.Prefetch(query=document("dogs"), using="text")],
    ).points
    assert {each.id for each in nested} == {1, 2}
    liked = texts.query_points(
        own, query=models.RecommendQuery(recommend=models.RecommendInput(
            positive=[document("weather")], strategy=models.RecommendStrategy.BEST_SCORE
        )), using="text", limit=1,
    ).points
    assert [each.id for each in liked] == [3]
    texts.update_vectors(own, [models.PointVectors(id=3, vector={"text": document("cats")})])
    hits = texts.query_points(own, query=document("weather"), using="text").points
    assert hits == []


def test_hybrid_search_with_dense_vectors(texts, collection):
    own = collection(
        vectors_config={"dense": models.VectorParams(size=2, distance=models.Distance.DOT)},
        sparse_vectors_config={"text": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    texts.upsert(own, [
        PointStruct(id=1, vector={"dense": [1, 0], "text": document("red apples")}),
        PointStruct(id=2, vector={"dense": [0, 1], "text": document("green apples")}),
        PointStruct(id=3, vector={"dense": [0.5, 0.5], "text": document("blue skies")}),
    ])
    hits = texts.query_points(
        own, query=models.FusionQuery(fusion=models.Fusion.RRF), limit=1,
        prefetch=[
            models.Prefetch(query=[0, 1], using="dense"),
            models.Prefetch(query=document("green apple"), using="text"),
        ],
    ).points
    assert [each.id for each in hits] == [2]


def test_what_is_not_served_is_said(texts, transport, own, rest):
    reply = rest("PUT", f"/collections/{own}/points", {"points": [
        {"id": 1, "vector": {"text": {"text": "a", "model": "openai/large"}}}
    ]})
    assert reply.status == 501 and "openai/large" in reply.error, reply.text
    reply = rest("POST", f"/collections/{own}/points/query", {
        "query": {"text": "a", "model": MODEL, "options": {"language": "klingon"}}, "using": "text"
    })
    assert reply.status == 400 and "klingon" in reply.error, reply.text
    with fails(transport, 400, "klingon"):
        texts.query_points(own, query=document("a", language="klingon"), using="text")
    with fails(transport, (400, 422), "b is 2"):
        texts.upsert(own, [PointStruct(id=1, vector={"text": document("a", b=2.0)})])
    assert texts.count(own).count == 0
