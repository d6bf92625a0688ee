return {
  name = "hmac-verify",
  fields = {
    { config = { type = "record", fields = {
      { secret = { type = "string", required = true, referenceable = true } },
      { clock_skew = { type = "number", default = 300, gt = 0 } },
    } } },
  },
}
