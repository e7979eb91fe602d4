// Package admin serves the admin and ops HTTP APIs.
//
// [New] is the handler of the admin listener: what to make warm, what to drop, and what
// is inside. [NewOps] is the handler of the ops listener: probes and metrics, no
// secrets, no authentication; the admin handler answers its paths too, in the same way.
//
//	GET    /, /ui/...         the dashboard, which calls the rest       page.go
//	POST   /warm              make a path resident                      warm.go
//	GET    /warm              jobs, newest first
//	GET    /warm/{id}         one job; server-sent events by Accept     stream.go
//	DELETE /warm/{id}         cancel it
//	POST   /invalidate        drop a prefix or one object               change.go
//	POST   /bypass            switch the cache off or on
//	GET    /explain           how a key is treated                      inspect.go
//	GET    /generations       generations that are known; by role with roles=true
//	GET    /residency         which pages of an object are in memory    residency.go
//	GET    /objects           the objects below a path
//	GET    /stats, /config    present numbers; resolved settings
//	GET    /v1/tables/...     what a table consists of                  tables.go
//	POST   /v1/tables/.../scan, /get, /search: queries; also by GET     tablesquery.go, tablesanswer.go
//	POST   /v1/tables/.../put, /delete, /flush, /create: writing        tableswrite.go, tablescreate.go
//	GET    /v1/tables/.../stats   figures of a table's writer
//	GET    /openapi.json, .yaml   the description of all this           openapi.go
//	GET    /healthz, /readyz, /metrics                                  ops.go
//
// Bodies are one JSON object of at most 1 MiB, whatever Content-Type says; a field that
// is unknown, given twice or of the wrong type is refused by name, and so are unknown
// query parameters. Durations are strings such as "1.5s" (seconds as a number are taken
// too). Errors are
//
//	{"error": {"code": "invalid_request", "message": "...", "field": "wait"}}
//
// Who may call: with a token, whoever sends it as a bearer; the dashboard's files, which
// hold no data, are for everybody then. Without one the listener must be loopback, which a
// web page in a browser on the same machine can reach too. Therefore requests that a
// browser marks as coming from another site are refused, and so are Host headers that are
// neither an IP address nor a name known to be ours, which is what a page gets that rebinds
// its DNS name to loopback. A link to the dashboard may be followed from anywhere.
//
// A bucket that [Options.Allowed] refuses is answered 403 wherever a path is taken.
//
// Handlers hold no state but a count of streams; they are safe for concurrent use, and
// every wait ends with the request. The caller's server sets header timeouts; reading a
// body and writing an answer are bounded here, since one call may wait for minutes in
// between.
package admin
