package proxy

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
)

// hopByHop are headers of one connection, never forwarded (RFC 9110 section 7.6.1).
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// ours are headers that the client meant for Hearth: they sign the request, frame its
// body, or are written anew for the origin.
var ours = map[string]bool{
	"Authorization": true, "X-Amz-Date": true, "X-Amz-Security-Token": true, "X-Amz-Content-Sha256": true,
	"X-Amz-Decoded-Content-Length": true, "X-Amz-Trailer": true, "Host": true, "Content-Length": true,
	"Date": true, "X-Amz-Region-Set": true,
	// Answers are looked into on their way: no coding of this hop.
	"Accept-Encoding": true,
}

// wireName is how a header's name is written: S3 clients read x-amz-meta-* names as
// they come, and net/http would capitalise them.
func wireName(name string) string {
	if len(name) > 6 && strings.EqualFold(name[:6], "x-amz-") {
		return strings.ToLower(name)
	}
	return name
}

// forwardedHeader returns the headers of r that the origin gets.
func forwardedHeader(r *http.Request) http.Header {
	out := make(http.Header, len(r.Header))
	listed := connectionHeaders(r.Header)
	for name, values := range r.Header {
		if hopByHop[name] || ours[name] || listed[name] {
			continue
		}
		out[wireName(name)] = values
	}
	if encoding := dropChunked(r.Header["Content-Encoding"]); encoding != "" {
		out["Content-Encoding"] = []string{encoding}
	} else {
		delete(out, "Content-Encoding")
	}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = []string{""} // send none rather than Go's
	}
	return out
}

// connectionHeaders are those that the Connection header names as hop-by-hop.
func connectionHeaders(h http.Header) map[string]bool {
	var listed map[string]bool
	for _, value := range h["Connection"] {
		for _, name := range commaList(value) {
			if listed == nil {
				listed = make(map[string]bool)
			}
			listed[http.CanonicalHeaderKey(name)] = true
		}
	}
	return listed
}

// dropChunked removes the framing of this hop from a Content-Encoding.
func dropChunked(values []string) string {
	var kept []string
	for _, value := range values {
		for _, coding := range commaList(value) {
			if !strings.EqualFold(coding, "aws-chunked") {
				kept = append(kept, coding)
			}
		}
	}
	return strings.Join(kept, ", ")
}

// maxHeadBytes is how long the headers of a request may be, as S3 documents it. Names and
// values count, without the request line and the signs between them, so that nothing that
// S3 takes is refused here: two KiB of metadata and a security token fit.
const maxHeadBytes = 8 << 10

var errHeadTooLong = &Failure{
	Status: http.StatusBadRequest, Code: "RequestHeaderSectionTooLarge",
	Message: "Your request header section exceeds the maximum allowed size.",
	Details: []Detail{{XMLName: xml.Name{Local: "MaxSizeAllowed"}, Value: strconv.Itoa(maxHeadBytes)}},
}

func headTooLong(header http.Header) bool {
	n := 0
	for name, values := range header {
		for _, value := range values {
			n += len(name) + len(value)
		}
	}
	return n > maxHeadBytes
}

// copyHeader copies an origin's headers into an answer.
func copyHeader(dst, src http.Header) {
	listed := connectionHeaders(src)
	for name, values := range src {
		if hopByHop[name] || listed[name] {
			continue
		}
		if name == "X-Amz-Request-Id" {
			delete(dst, requestIDHeader) // the origin's is the one to ask about
		}
		dst[wireName(name)] = values
	}
}

// commaList splits a comma-separated header value; empty elements do not count.
func commaList(value string) []string {
	var list []string
	for element := range strings.SplitSeq(value, ",") {
		if element = strings.TrimSpace(element); element != "" {
			list = append(list, element)
		}
	}
	return list
}
