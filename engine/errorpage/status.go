package errorpage

import "strconv"

// messages are the texts of kong.response.error for each status, as recorded.
var messages = map[int]string{
	400: "Bad request",
	401: "Unauthorized",
	402: "Payment required",
	403: "Forbidden",
	404: "Not found",
	405: "Method not allowed",
	406: "Not acceptable",
	407: "Proxy authentication required",
	408: "Request timeout",
	409: "Conflict",
	410: "Gone",
	411: "Length required",
	412: "Precondition failed",
	413: "Payload too large",
	414: "URI too long",
	415: "Unsupported media type",
	416: "Range not satisfiable",
	417: "Expectation failed",
	418: "I'm a teapot",
	421: "Misdirected request",
	422: "Unprocessable entity",
	423: "Locked",
	424: "Failed dependency",
	425: "Too early",
	426: "Upgrade required",
	428: "Precondition required",
	429: "Too many requests",
	431: "Request header fields too large",
	451: "Unavailable for legal reasons",
	494: "Request header or cookie too large",
	500: "An unexpected error occurred",
	501: "Not implemented",
	502: "An invalid response was received from the upstream server",
	503: "The upstream server is currently unavailable",
	504: "The upstream server is timing out",
	505: "HTTP version not supported",
	506: "Variant also negotiates",
	507: "Insufficient storage",
	508: "Loop detected",
	510: "Not extended",
	511: "Network authentication required",
}

// Message is the text of an error of that status.
func Message(status int) string {
	if m, ok := messages[status]; ok {
		return m
	}
	return "The upstream server responded with " + strconv.Itoa(status)
}

// GRPCStatus maps an HTTP status to the code and the name of a gRPC status, as
// recorded: each known status to its own, other 4xx to InvalidArgument, other
// 5xx to Internal, 2xx to OK and the rest to Unknown.
func GRPCStatus(status int) (code int, name string) {
	switch status {
	case 400:
		return 3, "InvalidArgument"
	case 401:
		return 16, "Unauthenticated"
	case 403:
		return 7, "PermissionDenied"
	case 404:
		return 5, "NotFound"
	case 409:
		return 6, "AlreadyExists"
	case 429:
		return 8, "ResourceExhausted"
	case 499:
		return 1, "Canceled"
	case 501:
		return 12, "Unimplemented"
	case 503:
		return 14, "Unavailable"
	case 504:
		return 4, "DeadlineExceeded"
	}
	switch status / 100 {
	case 2:
		return 0, "OK"
	case 4:
		return 3, "InvalidArgument"
	case 5:
		return 13, "Internal"
	}
	return 2, "Unknown"
}

// bare are the statuses that get a small HTML page when a plugin ends a
// request with a status and no body, with their lines.
var bare = map[int]string{
	301: "301 Moved Permanently", 302: "302 Found", 303: "303 See Other",
	307: "307 Temporary Redirect", 308: "308 Permanent Redirect",
	400: "400 Bad Request", 401: "401 Authorization Required", 402: "402 Payment Required", 403: "403 Forbidden",
	404: "404 Not Found", 405: "405 Not Allowed", 406: "406 Not Acceptable", 408: "408 Request Time-out",
	409: "409 Conflict", 410: "410 Gone", 411: "411 Length Required", 412: "412 Precondition Failed",
	413: "413 Request Entity Too Large", 414: "414 Request-URI Too Large", 415: "415 Unsupported Media Type",
	416: "416 Requested Range Not Satisfiable", 421: "421 Misdirected Request", 429: "429 Too Many Requests",
	500: "500 Internal Server Error", 501: "501 Not Implemented", 502: "502 Bad Gateway",
	503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out",
	505: "505 HTTP Version Not Supported", 507: "507 Insufficient Storage",
}

// Bare is the HTML page of a status without a body of its own; ok is false for
// a status that has none.
func Bare(status int) (page string, ok bool) {
	line, ok := bare[status]
	if !ok {
		return "", false
	}
	return "<html>\r\n<head><title>" + line + "</title></head>\r\n<body>\r\n<center><h1>" + line +
		"</h1></center>\r\n</body>\r\n</html>\r\n", true
}

// BareText is Bare with another text in title and body: what nginx says of
// trouble below HTTP. status must be one that Bare knows.
func BareText(status int, text string) string {
	line := bare[status]
	return "<html>\r\n<head><title>" + line[:4] + text + "</title></head>\r\n<body>\r\n<center><h1>" + line +
		"</h1></center>\r\n<center>" + text + "</center>\r\n</body>\r\n</html>\r\n"
}
