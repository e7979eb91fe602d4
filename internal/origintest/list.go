package origintest

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

type contents struct {
	Key          string
	LastModified string
	ETag         string
	Size         int
	StorageClass string
}

type commonPrefix struct{ Prefix string }

type listResult struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name                  string
	Prefix                string
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	KeyCount              int
	MaxKeys               int
	IsTruncated           bool
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	StartAfter            string `xml:",omitempty"`
	Contents              []contents
	CommonPrefixes        []commonPrefix
}

// listObjects is ListObjectsV2. A token is the last key or prefix given.
func (s *Server) listObjects(bucket string, q url.Values) *reply {
	limit := 1000
	if m := q.Get("max-keys"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 0 {
			return failure(http.StatusBadRequest, "InvalidArgument")
		}
		limit = min(n, limit)
	}
	encode := func(key string) string { return key }
	if q.Get("encoding-type") == "url" {
		encode = func(key string) string { return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/") }
	}
	prefix, delimiter := q.Get("prefix"), q.Get("delimiter")
	after := q.Get("start-after")
	if token := q.Get("continuation-token"); token != "" {
		after = max(after, strings.TrimPrefix(token, "after:"))
	}
	out := listResult{
		Name: bucket, Prefix: encode(prefix), Delimiter: encode(delimiter), EncodingType: q.Get("encoding-type"),
		MaxKeys: limit, ContinuationToken: q.Get("continuation-token"), StartAfter: encode(q.Get("start-after")),
	}
	last, lastGroup := "", ""
	for _, key := range s.keysLocked(bucket, prefix) {
		group := ""
		if delimiter != "" {
			if i := strings.Index(key[len(prefix):], delimiter); i >= 0 {
				group = key[:len(prefix)+i+len(delimiter)]
			}
		}
		if key <= after || group != "" && (group <= after || group == lastGroup) {
			continue
		}
		if out.KeyCount == limit {
			out.IsTruncated, out.NextContinuationToken = limit > 0, "after:"+last
			break
		}
		out.KeyCount++
		if group != "" {
			last, lastGroup = group, group
			out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{Prefix: encode(group)})
			continue
		}
		last = key
		o := s.store.buckets[bucket][key]
		out.Contents = append(out.Contents, contents{
			Key: encode(key), LastModified: stampOf(o.LastModified), ETag: o.ETag, Size: len(o.Data),
			StorageClass: "STANDARD",
		})
	}
	return document(out)
}

func (s *Server) listBuckets() *reply {
	type bucket struct{ Name string }
	type result struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
		Buckets []bucket `xml:"Buckets>Bucket"`
	}
	var out result
	for name := range s.store.buckets {
		out.Buckets = append(out.Buckets, bucket{Name: name})
	}
	slices.SortFunc(out.Buckets, func(a, b bucket) int { return strings.Compare(a.Name, b.Name) })
	return document(out)
}

func (s *Server) deleteObjects(bucket string, body []byte) *reply {
	var in struct {
		XMLName xml.Name `xml:"Delete"`
		Quiet   bool
		Object  []struct{ Key string }
	}
	if err := xml.Unmarshal(body, &in); err != nil {
		return failure(http.StatusBadRequest, "MalformedXML")
	}
	type deleted struct{ Key string }
	type result struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
		Deleted []deleted
	}
	var out result
	for _, o := range in.Object {
		delete(s.store.buckets[bucket], o.Key)
		if !in.Quiet {
			out.Deleted = append(out.Deleted, deleted{Key: o.Key})
		}
	}
	return document(out)
}
