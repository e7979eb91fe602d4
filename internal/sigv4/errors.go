package sigv4

import "net/http"

// The S3 error codes this package answers with.
const (
	CodeAccessDenied           = "AccessDenied"
	CodeSignatureDoesNotMatch  = "SignatureDoesNotMatch"
	CodeInvalidAccessKeyID     = "InvalidAccessKeyId"
	CodeRequestTimeTooSkewed   = "RequestTimeTooSkewed"
	CodeHeaderMalformed        = "AuthorizationHeaderMalformed"
	CodeQueryMalformed         = "AuthorizationQueryParametersError"
	CodeInvalidToken           = "InvalidToken"
	CodeInvalidRequest         = "InvalidRequest"
	CodeInvalidArgument        = "InvalidArgument"
	CodeInvalidURI             = "InvalidURI"
	CodeContentSHA256Mismatch  = "XAmzContentSHA256Mismatch"
	CodeIncompleteBody         = "IncompleteBody"
	CodeBadDigest              = "BadDigest"
	CodeMalformedTrailer       = "MalformedTrailerError"
	CodeMissingContentLength   = "MissingContentLength"
	messageSignatureMismatch   = "The request signature does not match the one calculated from the request and the secret of this access key. Check the secret and the signing method."
	messageUnsupportedV2       = "The authorization mechanism you have provided is not supported: this is Signature Version 2. Please use AWS4-HMAC-SHA256."
	messageUnsupportedV4A      = "The authorization mechanism you have provided is not supported: this is Signature Version 4A. Please use AWS4-HMAC-SHA256."
	messageSessionToken        = "Session tokens cannot be verified here: sign with an access key issued for this endpoint, without X-Amz-Security-Token."
	messageSeveralMechanisms   = "Only one auth mechanism allowed; use either the query parameters X-Amz-* or one Authorization header."
	messageAnonymous           = "Anonymous requests are not allowed: the request is not signed."
	messageChunkSignature      = "The signature of a body chunk does not match."
	messageTrailerSignature    = "The signature of the trailing headers does not match."
	messageContentSHA256Format = "x-amz-content-sha256 must be a SHA-256 in 64 hexadecimal digits, UNSIGNED-PAYLOAD, or one of the STREAMING- values with HMAC-SHA256 or an unsigned trailer."
)

// An Error is a refusal in S3's words. Every error of this package that concerns
// the request is one; errors of reading the client's connection are passed on as
// they are.
type Error struct {
	// Code is the S3 error code, one of the Code constants.
	Code string
	// Message says what is wrong, for the client. It holds no secret, but may quote
	// what the client sent: escape it.
	Message string
	// Status is the HTTP status to answer with.
	Status int

	cause error
}

// Error implements error.
func (e *Error) Error() string { return "sigv4: " + e.Code + ": " + e.Message }

// Unwrap returns the error behind a refused body, if there is one.
func (e *Error) Unwrap() error { return e.cause }

func denied(code, message string) *Error {
	return &Error{Code: code, Message: message, Status: http.StatusForbidden}
}

func bad(code, message string) *Error {
	return &Error{Code: code, Message: message, Status: http.StatusBadRequest}
}

// quoteForMessage bounds what a message repeats of the client's own words.
func quoteForMessage(s string) string {
	const limit = 64
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	b := make([]byte, 0, len(s)+2)
	b = append(b, '\'')
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			c = '?'
		}
		b = append(b, c)
	}
	return string(append(b, '\''))
}
