-- wrk: posts prepared searches in turn, and prints what came of them as one line of JSON.
-- The first argument is a file with a body a line.
local requests = {}
local next = 0

function init(arguments)
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format(
      "POST", nil, { ["Content-Type"] = "application/json" }, body)
  end
end

function request()
  next = next % #requests + 1
  return requests[next]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"calls": %d, "qps": %.1f, "p50_us": %d, "p99_us": %d, "failures": %d}\n',
    summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
