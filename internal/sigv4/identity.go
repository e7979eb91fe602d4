package sigv4

import (
	"log/slog"
	"net/http"
	"time"
)

// An Identity is what a verified request proved about itself. It is immutable;
// its strings share memory with the request's headers.
type Identity struct {
	// AccessKey is the key that signed; empty for a request that was not verified
	// (see [Unverified]).
	AccessKey string
	// Region is the region that the client signed for.
	Region string
	// Presigned says that the signature was in the query.
	Presigned bool
	// Payload is the form of the body.
	Payload Payload
	// ContentSHA256 is x-amz-content-sha256 as signed: for PayloadSHA256 the body's
	// hash in hexadecimal digits of either case.
	ContentSHA256 string
	// SignedHeaders is the list of signed headers as sent: lower case, ascending,
	// separated by semicolons.
	SignedHeaders string
	// Time is when the client says it signed.
	Time time.Time

	key       *signingKey // nil if not verified
	scope     string
	timestamp string
	signature string // the seed of chunk signatures
}

// Signed reports whether the header of that lower-case name was signed.
func (id *Identity) Signed(name string) bool { return listed(id.SignedHeaders, name) }

// Unverified returns an Identity for a request that nobody authenticates, on a
// listener without authentication. Its Body decodes aws-chunked bodies and checks
// lengths, hashes and checksums, but no signatures. The error is of type [*Error].
func Unverified(r *http.Request) (*Identity, error) {
	id := &Identity{Payload: PayloadUnsigned, ContentSHA256: unsignedPayload}
	values := r.Header["X-Amz-Content-Sha256"]
	if len(values) == 0 {
		return id, nil
	}
	p, err := parsePayload(values[0])
	switch {
	case err != nil:
		return nil, err
	case len(values) > 1:
		return nil, bad(CodeInvalidRequest, "The x-amz-content-sha256 header is there more than once.")
	case p == PayloadSHA256 && r.ContentLength == 0 && len(r.TransferEncoding) == 0 && !isEmptySHA256(values[0]):
		return nil, contentMismatch(values[0], emptySHA256)
	}
	id.Payload, id.ContentSHA256 = p, values[0]
	return id, nil
}

// String names the access key and payload; it holds nothing secret.
func (id *Identity) String() string {
	if id == nil {
		return "nobody"
	}
	return id.AccessKey + " (" + id.Payload.String() + ")"
}

// LogValue implements slog.LogValuer: nothing secret is logged.
func (id *Identity) LogValue() slog.Value { return slog.StringValue(id.String()) }
