package origintest

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// answerUpload is the four requests of a multipart upload.
func (s *Server) answerUpload(rec *Recorded, r *http.Request, q url.Values, body []byte) *reply {
	if _, exists := s.store.buckets[rec.Bucket]; !exists {
		return failure(http.StatusNotFound, "NoSuchBucket")
	}
	if rec.Method == http.MethodPost && q.Has("uploads") {
		s.store.nextID++
		id := "upload-" + strconv.Itoa(s.store.nextID)
		s.store.uploads[id] = &upload{bucket: rec.Bucket, key: rec.Key, header: kept(r.Header), parts: map[int]*Object{}}
		type result struct {
			XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
			Bucket   string
			Key      string
			UploadID string `xml:"UploadId"`
		}
		return document(result{Bucket: rec.Bucket, Key: rec.Key, UploadID: id})
	}
	id := q.Get("uploadId")
	up := s.store.uploads[id]
	if up == nil || up.bucket != rec.Bucket || up.key != rec.Key {
		return failure(http.StatusNotFound, "NoSuchUpload")
	}
	switch rec.Method {
	case http.MethodPut:
		n, err := strconv.Atoi(q.Get("partNumber"))
		if err != nil || n < 1 || n > 10000 {
			return failure(http.StatusBadRequest, "InvalidArgument")
		}
		part := &Object{Data: body, ETag: ETag(body)}
		up.parts[n] = part
		return ok(http.Header{"Etag": {part.ETag}})
	case http.MethodDelete:
		delete(s.store.uploads, id)
		return &reply{status: http.StatusNoContent, header: http.Header{}}
	case http.MethodPost:
		return s.completeUpload(rec, r, id, up, body)
	}
	return failure(http.StatusNotImplemented, "NotImplemented")
}

func (s *Server) completeUpload(rec *Recorded, r *http.Request, id string, up *upload, body []byte) *reply {
	var in struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(body, &in); err != nil || len(in.Part) == 0 {
		return failure(http.StatusBadRequest, "MalformedXML")
	}
	if m := r.Header.Get("If-None-Match"); m == "*" {
		if _, exists := s.store.buckets[rec.Bucket][rec.Key]; exists {
			return failure(http.StatusPreconditionFailed, "PreconditionFailed")
		}
	}
	var data []byte
	sums := md5.New()
	for i, p := range in.Part {
		part := up.parts[p.PartNumber]
		if part == nil || !etagListed(p.ETag, part.ETag) {
			return failure(http.StatusBadRequest, "InvalidPart")
		}
		if i > 0 && p.PartNumber <= in.Part[i-1].PartNumber {
			return failure(http.StatusBadRequest, "InvalidPartOrder")
		}
		data = append(data, part.Data...)
		sum, err := hex.DecodeString(strings.Trim(part.ETag, `"`))
		if err != nil {
			return failure(http.StatusInternalServerError, "InternalError")
		}
		sums.Write(sum)
	}
	o := &Object{
		Data: data, Header: maps.Clone(up.header),
		ETag: fmt.Sprintf(`"%x-%d"`, sums.Sum(nil), len(in.Part)),
	}
	s.putLocked(rec.Bucket, rec.Key, o)
	delete(s.store.uploads, id)
	type result struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		Bucket  string
		Key     string
		ETag    string
	}
	return document(result{Bucket: rec.Bucket, Key: rec.Key, ETag: o.ETag})
}

// decodeChunks undoes the aws-chunked coding, signed or not (signatures of chunks
// are not checked), and returns the trailing headers.
func decodeChunks(raw []byte) (body []byte, trailer map[string]string, err error) {
	r := bufio.NewReader(bytes.NewReader(raw))
	line := func() (string, error) {
		s, err := r.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("aws-chunked: %w", err)
		}
		s, found := strings.CutSuffix(s, "\r\n")
		if !found {
			return "", errors.New("aws-chunked: line ends without CR")
		}
		return s, nil
	}
	for {
		head, err := line()
		if err != nil {
			return nil, nil, err
		}
		size, _, _ := strings.Cut(head, ";")
		n, err := strconv.ParseInt(size, 16, 32)
		if err != nil || n < 0 || n > int64(len(raw)) {
			return nil, nil, fmt.Errorf("aws-chunked: chunk size %q", size)
		}
		if n == 0 {
			break
		}
		chunk := make([]byte, n)
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, nil, fmt.Errorf("aws-chunked: %w", err)
		}
		body = append(body, chunk...)
		if end, err := line(); err != nil || end != "" {
			return nil, nil, errors.New("aws-chunked: chunk does not end where it says")
		}
	}
	trailer = map[string]string{}
	for {
		l, err := line()
		if err != nil {
			return nil, nil, err
		}
		if l == "" {
			break
		}
		name, value, _ := strings.Cut(l, ":")
		trailer[strings.ToLower(name)] = value
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		return nil, nil, errors.New("aws-chunked: bytes after the end")
	}
	return body, trailer, nil
}

// Uploads returns the keys of unfinished multipart uploads, sorted.
func (s *Server) Uploads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for _, up := range s.store.uploads {
		keys = append(keys, up.key)
	}
	slices.Sort(keys)
	return keys
}
