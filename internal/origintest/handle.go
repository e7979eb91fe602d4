package origintest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	deaf := s.deaf
	s.mu.Unlock()
	if deaf && r.ContentLength != 0 {
		<-s.stop
		panic(http.ErrAbortHandler)
	}
	rec, body, err := s.record(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	action := s.decide(rec)
	if action.delay > 0 {
		timer := time.NewTimer(action.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		case <-s.stop:
		}
	}
	rep := s.answer(rec, r, body, action)
	if !(action.kind == actReset && action.after < 0) {
		s.mu.Lock()
		rec.Status = rep.status
		s.mu.Unlock()
	}
	s.send(w, r, rep, action)
}

// record reads the whole request and enters it into the log.
func (s *Server) record(r *http.Request) (*Recorded, []byte, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	rec := &Recorded{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header}
	body := raw
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		if body, rec.Trailer, err = decodeChunks(raw); err != nil {
			return nil, nil, err
		}
		if want := r.Header.Get("X-Amz-Decoded-Content-Length"); want != strconv.Itoa(len(body)) {
			return nil, nil, fmt.Errorf("decoded content length %s, body has %d", want, len(body))
		}
	}
	sum := sha256.Sum256(body)
	rec.BodyBytes, rec.BodySHA256 = int64(len(body)), hex.EncodeToString(sum[:])
	path, query, _ := strings.Cut(r.RequestURI, "?")
	rec.RawQuery = query
	bucket, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if rec.Bucket, err = url.PathUnescape(bucket); err != nil {
		return nil, nil, err
	}
	if rec.Key, err = url.PathUnescape(key); err != nil {
		return nil, nil, err
	}
	rec.Class = classOf(rec)

	s.mu.Lock()
	classify := s.classify
	s.mu.Unlock()
	if classify != nil {
		rec.Class = classify(rec)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, rec)
	rec.N = len(s.requests)
	s.counts[rec.Class]++
	return rec, body, nil
}

// decide asks the hook and the rules what goes wrong with this one.
func (s *Server) decide(rec *Recorded) Action {
	s.mu.Lock()
	hook := s.before
	picked := s.pickLocked(rec)
	copied := *rec
	s.mu.Unlock()
	if hook != nil {
		if a := hook(&copied); !a.zero() {
			return a
		}
	}
	return picked
}

// answer makes up what a well-behaved store says, or the status of the action.
func (s *Server) answer(rec *Recorded, r *http.Request, body []byte, a Action) *reply {
	if a.kind == actStatus {
		rep := failure(a.status, a.code)
		if a.retryAfter > 0 {
			rep.header.Set("Retry-After", strconv.Itoa(a.retryAfter))
		}
		return rep
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys != nil {
		if err := verify(r, rec, s.keys, s.now()); err != nil {
			rep := failure(http.StatusForbidden, "SignatureDoesNotMatch")
			rep.body = append(rep.body, "<!-- "+err.Error()+" -->"...)
			return rep
		}
	}
	if a.ignoreIfMatch {
		r.Header = r.Header.Clone()
		r.Header.Del("If-Match")
	}
	if a.wholeForRange {
		r.Header = r.Header.Clone()
		r.Header.Del("Range")
	}
	q := queryOf(rec.RawQuery)
	switch {
	case rec.Bucket == "":
		return s.listBuckets()
	case rec.Key == "":
		return s.answerBucket(rec, q, body)
	case q.Has("uploads") || q.Has("uploadId"):
		return s.answerUpload(rec, r, q, body)
	}
	return s.answerObject(rec, r, body)
}

func queryOf(raw string) url.Values {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return url.Values{}
	}
	return q
}

func (s *Server) answerBucket(rec *Recorded, q url.Values, body []byte) *reply {
	objects, exists := s.store.buckets[rec.Bucket]
	switch {
	case rec.Method == http.MethodPut && len(q) == 0:
		s.bucketLocked(rec.Bucket)
		return ok(nil)
	case !exists:
		return failure(http.StatusNotFound, "NoSuchBucket")
	case rec.Method == http.MethodHead:
		return ok(nil)
	case rec.Method == http.MethodDelete && len(q) == 0:
		if len(objects) > 0 {
			return failure(http.StatusConflict, "BucketNotEmpty")
		}
		delete(s.store.buckets, rec.Bucket)
		return &reply{status: http.StatusNoContent, header: http.Header{}}
	case rec.Method == http.MethodGet && q.Get("list-type") == "2":
		return s.listObjects(rec.Bucket, q)
	case rec.Method == http.MethodPost && q.Has("delete"):
		return s.deleteObjects(rec.Bucket, body)
	}
	return failure(http.StatusNotImplemented, "NotImplemented")
}

func (s *Server) answerObject(rec *Recorded, r *http.Request, body []byte) *reply {
	objects, exists := s.store.buckets[rec.Bucket]
	if !exists {
		return failure(http.StatusNotFound, "NoSuchBucket")
	}
	o := objects[rec.Key]
	switch rec.Method {
	case http.MethodGet, http.MethodHead:
		if o == nil {
			return failure(http.StatusNotFound, "NoSuchKey")
		}
		return readObject(o, r.Header)
	case http.MethodPut:
		return s.putObject(rec, r, o, body)
	case http.MethodDelete:
		if m := r.Header.Get("If-Match"); m != "" && o != nil && !etagListed(m, o.ETag) {
			return failure(http.StatusPreconditionFailed, "PreconditionFailed")
		}
		delete(objects, rec.Key)
		return &reply{status: http.StatusNoContent, header: http.Header{}}
	}
	return failure(http.StatusMethodNotAllowed, "MethodNotAllowed")
}

func (s *Server) putObject(rec *Recorded, r *http.Request, o *Object, body []byte) *reply {
	if m := r.Header.Get("If-Match"); m != "" && (o == nil || !etagListed(m, o.ETag)) {
		return failure(http.StatusPreconditionFailed, "PreconditionFailed")
	}
	if m := r.Header.Get("If-None-Match"); m != "" && o != nil && etagListed(m, o.ETag) {
		return failure(http.StatusPreconditionFailed, "PreconditionFailed")
	}
	if source := r.Header.Get("X-Amz-Copy-Source"); source != "" {
		return s.copyObject(rec, source)
	}
	put := &Object{Data: body, Header: kept(r.Header)}
	s.putLocked(rec.Bucket, rec.Key, put)
	return ok(http.Header{"Etag": {put.ETag}})
}

func (s *Server) copyObject(rec *Recorded, source string) *reply {
	path, err := url.PathUnescape(strings.TrimPrefix(source, "/"))
	if err != nil {
		return failure(http.StatusBadRequest, "InvalidArgument")
	}
	bucket, key, _ := strings.Cut(path, "/")
	from, found := s.store.buckets[bucket][key]
	if !found {
		return failure(http.StatusNotFound, "NoSuchKey")
	}
	put := &Object{Data: from.Data, Header: from.Header}
	s.putLocked(rec.Bucket, rec.Key, put)
	type result struct {
		XMLName      xml.Name `xml:"CopyObjectResult"`
		LastModified string
		ETag         string
	}
	return document(result{LastModified: stampOf(put.LastModified), ETag: put.ETag})
}

// kept picks the headers of a PUT that come back with the object.
func kept(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		switch {
		case strings.HasPrefix(name, "X-Amz-Meta-"):
		case name == "Content-Type", name == "Cache-Control", name == "Content-Disposition",
			name == "Content-Encoding", name == "Content-Language", name == "Expires":
		default:
			continue
		}
		out[name] = values
	}
	return out
}

// readObject answers a GET or HEAD with its conditions and range.
func readObject(o *Object, h http.Header) *reply {
	header := http.Header{
		"Etag":          {o.ETag},
		"Last-Modified": {o.LastModified.UTC().Format(http.TimeFormat)},
		"Accept-Ranges": {"bytes"},
		"Content-Type":  {"application/octet-stream"},
	}
	for name, values := range o.Header {
		header[name] = values
	}
	match, noneMatch := h.Get("If-Match"), h.Get("If-None-Match")
	since := func(name string) (time.Time, bool) {
		t, err := http.ParseTime(h.Get(name))
		return t, err == nil
	}
	if match != "" && !etagListed(match, o.ETag) {
		return failure(http.StatusPreconditionFailed, "PreconditionFailed")
	}
	if t, given := since("If-Unmodified-Since"); given && match == "" && o.LastModified.Truncate(time.Second).After(t) {
		return failure(http.StatusPreconditionFailed, "PreconditionFailed")
	}
	notModified := noneMatch != "" && etagListed(noneMatch, o.ETag)
	if t, given := since("If-Modified-Since"); given && noneMatch == "" && !o.LastModified.Truncate(time.Second).After(t) {
		notModified = true
	}
	if notModified {
		return &reply{status: http.StatusNotModified, header: header}
	}
	first, last, ranged, satisfiable := parseRange(h.Get("Range"), int64(len(o.Data)))
	if ranged && !satisfiable {
		rep := failure(http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		rep.header.Set("Content-Range", fmt.Sprintf("bytes */%d", len(o.Data)))
		return rep
	}
	if !ranged {
		return &reply{status: http.StatusOK, header: header, body: o.Data}
	}
	header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(o.Data)))
	return &reply{status: http.StatusPartialContent, header: header, body: o.Data[first : last+1]}
}

// parseRange reads one range; what it does not understand is no range.
func parseRange(s string, size int64) (first, last int64, ranged, satisfiable bool) {
	spec, found := strings.CutPrefix(s, "bytes=")
	if !found || strings.Contains(spec, ",") {
		return 0, 0, false, false
	}
	from, to, found := strings.Cut(spec, "-")
	if !found {
		return 0, 0, false, false
	}
	if from == "" {
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil {
			return 0, 0, false, false
		}
		return max(0, size-n), size - 1, true, n > 0 && size > 0
	}
	first, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return 0, 0, false, false
	}
	last = size - 1
	if to != "" {
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < first {
			return 0, 0, false, false
		}
		last = min(last, n)
	}
	return first, last, true, first < size
}

func etagListed(list, etag string) bool {
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.Trim(part, `"`) == strings.Trim(etag, `"`) {
			return true
		}
	}
	return false
}

func ok(h http.Header) *reply {
	if h == nil {
		h = http.Header{}
	}
	return &reply{status: http.StatusOK, header: h}
}

// failure is an S3 error.
func failure(status int, code string) *reply {
	type xmlError struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
	}
	rep := document(xmlError{Code: code, Message: http.StatusText(status), RequestID: "0"})
	rep.status = status
	if status == http.StatusNotModified {
		rep.body = nil
	}
	return rep
}

// document is 200 with an XML body.
func document(v any) *reply {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(v); err != nil {
		return &reply{status: http.StatusInternalServerError, header: http.Header{}}
	}
	return &reply{
		status: http.StatusOK,
		header: http.Header{"Content-Type": {"application/xml"}},
		body:   b.Bytes(),
	}
}

func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
