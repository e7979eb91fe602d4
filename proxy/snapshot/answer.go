package snapshot

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/facts"
)

// An Answer is what the origin answered to a question. It is not changed once made.
type Answer struct {
	// Status is 200 or 404.
	Status int
	// Facts holds the headers; of a listing or a 404 that is Fields alone.
	Facts facts.Facts
	// Body is the whole body of a listing, of a 404 to a GET, and of an object that no
	// other cache may hold. Borrowed; do not change it.
	Body []byte
	// Whole says that Body is the object's. If it is not, the object is to be had by
	// the entity tag in Facts.
	Whole bool

	listed *listed // of a listing that was looked into
}

// bytes is about what an answer occupies.
func (a *Answer) bytes() int64 {
	n := int64(len(a.Body)) + 512
	for _, field := range a.Facts.Fields {
		n += int64(len(field.Name) + len(field.Value))
	}
	return n
}

var (
	// errRefused says that a question has no answer that a snapshot can hold; others may.
	errRefused = errors.New("snapshot: answer cannot be held")
	// errNoRoom says that a snapshot would take more than its share.
	errNoRoom = errors.New("snapshot: too large")
)

// Bounds of bodies. A page of a listing has at most 1,000 entries, some 300 bytes each;
// a shard manifest names a few thousand generations, some 60 bytes each.
const (
	maxListing = 4 << 20
	maxObject  = 4 << 20
	maxError   = 64 << 10
)

// fetch asks the origin. reserve is called with the length of a body before it is kept.
func fetch(ctx context.Context, o Origin, q Question, reserve func(n int64) error) (*Answer, error) {
	r := &origin.Request{Method: http.MethodGet, Bucket: q.bucket, Key: q.key, RawQuery: q.query, Header: make(http.Header)}
	r.Header["User-Agent"] = []string{userAgent}
	limit := int64(maxListing)
	if q.key != "" {
		limit = maxObject
		r.Header["x-amz-checksum-mode"] = []string{"ENABLED"}
	}
	if q.head {
		r.Method = http.MethodHead
	}
	response, err := o.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // read to its end, or given up
	absent := response.StatusCode == http.StatusNotFound && q.key != ""
	switch {
	case absent:
		limit = maxError
	case response.StatusCode == http.StatusOK:
	case response.StatusCode < 500 && response.StatusCode != http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: status %d", errRefused, response.StatusCode)
	default:
		return nil, fmt.Errorf("%w: status %d", origin.ErrUnavailable, response.StatusCode)
	}
	a := &Answer{Status: response.StatusCode, Whole: q.key != "" && !q.head && !absent}
	if !q.head {
		if a.Body, err = readBody(response, limit, reserve); err != nil {
			return nil, err
		}
	}
	if absent && !q.head && !bytes.Contains(a.Body, []byte("<Code>NoSuchKey</Code>")) {
		return nil, fmt.Errorf("%w: not about the key", errRefused) // a bucket that is missing
	}
	size := response.ContentLength
	if a.Whole {
		size = int64(len(a.Body))
	}
	if q.key != "" && !absent && size < 0 {
		return nil, fmt.Errorf("%w: no length", errRefused)
	}
	a.Facts = facts.FromHeader(response.Header, max(size, 0), true, time.Now())
	return a, nil
}

// userAgent tells an operator who looks at the origin's log whom these requests serve.
const userAgent = "hearth-snapshot"

func readBody(response *http.Response, limit int64, reserve func(n int64) error) ([]byte, error) {
	if response.ContentLength > limit {
		return nil, fmt.Errorf("%w: %d bytes", errRefused, response.ContentLength)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(body)) > limit:
		return nil, fmt.Errorf("%w: more than %d bytes", errRefused, limit)
	case response.ContentLength >= 0 && int64(len(body)) != response.ContentLength:
		return nil, fmt.Errorf("%w: %d bytes of %d", origin.ErrCorrupt, len(body), response.ContentLength)
	}
	return body, reserve(int64(len(body)))
}

// listed is what a take reads in a listing.
type listed struct {
	XMLName        xml.Name `xml:"ListBucketResult"`
	IsTruncated    bool
	Contents       []struct{ Key string }
	CommonPrefixes []struct{ Prefix string }
}

// look reads a listing, or takes over what was read in an equal one.
func (a *Answer) look(before *Answer) (*listed, error) {
	if before != nil && before.listed != nil && bytes.Equal(before.Body, a.Body) {
		a.listed = before.listed
		return a.listed, nil
	}
	l := new(listed)
	if err := xml.Unmarshal(a.Body, l); err != nil {
		return nil, fmt.Errorf("%w: listing: %w", origin.ErrCorrupt, err)
	}
	a.listed = l
	return l, nil
}

// newestVersion returns the key of the newest version of a base table among those listed,
// or "". Versions are named by their number, or, in 20 digits, by what it lacks to the
// largest of 64 bits.
func (l *listed) newestVersion() string {
	newest, key := uint64(0), ""
	for i := range l.Contents {
		name := l.Contents[i].Key
		name = name[strings.LastIndexByte(name, '/')+1:]
		digits, ok := strings.CutSuffix(name, ".manifest")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			continue
		}
		if len(digits) == 20 {
			n = math.MaxUint64 - n
		}
		if key == "" || n > newest {
			newest, key = n, l.Contents[i].Key
		}
	}
	return key
}
