// Package plugins runs plugins of the shapes that public plugins have most often, written with the libraries and in the styles of
// their authors, on a whole gateway with real servers around it: identity provider, policy engine, log collectors, Redis, services.
// The plugins lie in kong/plugins; bundled plugins are tested elsewhere (plugins/NAME). There is no code here, only tests;
// setup_test.go first.
//
// The shapes, the number of public plugins of each among the 91 that were looked at (some count twice), and ours:
//
//	 1  OpenID Connect client                 8  oidc, oidc-classic, oidc-client (by hand)
//	 2  introspection, phantom tokens         4  phantom-token, oauth2-audience
//	 3  JWT checked against issuers' keys     5  jwt-keycloak, ws-token-auth, jwt-claims-headers, jwt2header (rewrite)
//	 4  tokens made or signed for the service 7  upstream-jwt, jwt-crafter, jwt-resign
//	 5  HMAC, WSSE and cloud signatures       5  hmac-verify, wsse, aws-signer
//	 6  credentials in entities (daos.lua)    8  entity-key, wsse, oauth2-audience
//	 7  sessions by cookie or another service 3  cookie-session, siteminder
//	 8  request validators and firewalls      5  json-validator, graphql-guard, body-scanner
//	 9  limits in Redis                       4  redis-limiter, flexible-limit
//	10  batches to HTTP collectors            9  batch-http-log, google-logging, otlp-log (configure), analytics, event-agent
//	11  logs over TCP, Kafka, of whole bodies 5  tcp-socket-log, kafka-log, tx-debugger, usage-logger
//	12  traces                                3  trace-propagation, b3-tracer
//	13  body rewriters                        8  body-rewriter, api-transformer, template-transformer, response-gzip, error-pages
//	14  header and URL transformers           9  header-transformer, mtls-headers
//	15  caches                                4  proxy-cache, shm-response-cache
//	16  SOAP and XML                          5  soap-transformer, soap-fields, soap2rest
//	17  decisions elsewhere (middlemen)       7  middleman, opa, recaptcha
//	18  IP, country and path filters          4  ip-geo-allow, maintenance
//	19  routing and upstream selection        6  canary-router, tenant-router
//	20  metrics, timers on one worker         5  shm-metrics, qos-classifier, circuit-breaker
//	21  the response phase                    3  idempotency, qos-classifier
//	22  base_plugin and kong.singletons      28  oidc-classic, jwt-crafter, middleman, opa, wsse, api-transformer, proxy-cache, soap2rest, …
//	23  answers of several services           2  aggregator, spec-expose
//	24  limits of answers                     1  response-size-limiting
//	25  WebSocket                             1  chat-server, ws-token-auth
//
// The plugin "idioms" does what authors write here and there; "steps" runs code of a test, for the libraries that these shapes
// stand on (session_test.go, openidc_test.go).
package plugins
