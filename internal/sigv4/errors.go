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
	CodeInvalidChunkSize       = "InvalidChunkSizeError"
	messageSignatureMismatch   = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
	messageUnsupported         = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
	messageToken               = "The provided token is malformed or otherwise invalid."
	messageDate                = "AWS authentication requires a valid Date or x-amz-date header."
	messageNotSigned           = "There were headers present in the request which were not signed"
	messageQueryIncomplete     = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
	messageAnonymous           = "Access Denied."
	messageContentSHA256Format = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
	messageContentMismatch     = "The provided 'x-amz-content-sha256' header does not match what was computed."
	messageLengthMismatch      = "You did not provide the number of bytes specified by the Content-Length HTTP header"

	hintV2           = "This is Signature Version 2."
	hintV4A          = "This is Signature Version 4A."
	hintSessionToken = "Session tokens cannot be verified here: sign with an access key issued for this endpoint, without X-Amz-Security-Token."
	hintSeveral      = "Use either the query parameters X-Amz-* or one Authorization header."
	hintAnonymous    = "Anonymous requests are not allowed: the request is not signed."
	hintChunk        = "The signature of a body chunk does not match."
	hintTrailer      = "The signature of the trailing headers does not match."
)

// hint is the name of the detail with which an error says more than S3 would: its
// Message is S3's to the letter wherever S3 has one, since clients compare it.
const hint = "Hint"

// maxQuoteBytes bounds what an error repeats of the client's own words.
const maxQuoteBytes = 128

// A Detail is a further element of an S3 error document.
type Detail struct {
	// Name is the element's name, a constant of this package.
	Name string
	// Value is its text. Like the message it may quote the client: escape it.
	Value string
}

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
	// Details are the elements that S3 adds for this code, and Hint where there is
	// more to say. Like the message they hold no secret.
	Details []Detail

	cause error
}

// Error implements error.
func (e *Error) Error() string {
	text := "sigv4: " + e.Code + ": " + e.Message
	for _, d := range e.Details {
		if d.Name == hint {
			text += " (" + d.Value + ")"
		}
	}
	return text
}

// Unwrap returns the error behind a refused body, if there is one.
func (e *Error) Unwrap() error { return e.cause }

func denied(code, message string) *Error {
	return &Error{Code: code, Message: message, Status: http.StatusForbidden}
}

func bad(code, message string) *Error {
	return &Error{Code: code, Message: message, Status: http.StatusBadRequest}
}

// with adds a detail to an error that nobody else has seen yet.
func (e *Error) with(name, value string) *Error {
	e.Details = append(e.Details, Detail{name, value})
	return e
}

func unsupported(why string) *Error {
	return bad(CodeInvalidRequest, messageUnsupported).with(hint, why)
}

func invalidArgument(message, name, value string) *Error {
	return bad(CodeInvalidArgument, message).with("ArgumentName", name).with("ArgumentValue", printable(value))
}

func signatureMismatch(accessKey string) *Error {
	return denied(CodeSignatureDoesNotMatch, messageSignatureMismatch).with("AWSAccessKeyId", accessKey)
}

func unknownKey(accessKey string) *Error {
	return denied(CodeInvalidAccessKeyID, "The AWS Access Key Id you provided does not exist in our records.").
		with("AWSAccessKeyId", printable(accessKey))
}

func contentMismatch(claimed, computed string) *Error {
	return bad(CodeContentSHA256Mismatch, messageContentMismatch).
		with("ClientComputedContentSHA256", claimed).with("S3ComputedContentSHA256", computed)
}

// printable bounds what an error repeats of the client's own words.
func printable(s string) string {
	end := ""
	if len(s) > maxQuoteBytes {
		s, end = s[:maxQuoteBytes], "..."
	}
	b := make([]byte, 0, len(s)+len(end))
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			c = '?'
		}
		b = append(b, c)
	}
	return string(append(b, end...))
}

// quoted is printable in quotation marks, for a message.
func quoted(s string) string { return `"` + printable(s) + `"` }
