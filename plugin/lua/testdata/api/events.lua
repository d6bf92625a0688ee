-- Events between workers are bounded by worker_events_max_payload (500 here).
function P:access()
  is("large", 'nil, "failed to publish event: payload exceeds the limitation (500)"', kong.worker_events.post("source", "event", { text = ("x"):rep(500) }))
end
