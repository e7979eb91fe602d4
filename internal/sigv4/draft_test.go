package sigv4_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A draft is a request before it is signed. Unlike a real signer it signs
// whatever it is told to, also what nobody should: the opposite number of the
// verifier under test, written as naively as the specification.
type draft struct {
	method, path, query, host string
	headers                   [][2]string // lower-case names; host, date and hash are added
	signed                    []string    // nil: all of them
	accessKey, secret         string
	time                      time.Time
	scopeDate                 string // "": time's
	region, service, term     string
	payload                   string // x-amz-content-sha256; "-": none
	expires                   string // not empty: presigned
	algorithm                 string
	body                      string   // plain
	chunks                    []string // not nil: aws-chunked
	trailers                  [][2]string
	decoded                   string // "": the chunks' length

	seed string // set by sign
}

func baseDraft() draft {
	return draft{
		method: "GET", path: "/lake/tables/items.lance/data/a%20b.lance", host: "localhost:9000",
		headers:   [][2]string{{"range", "bytes=0-65535"}},
		accessKey: exampleAccessKey, secret: exampleSecret, time: exampleTime,
		region: exampleRegion, service: "s3", term: "aws4_request",
		payload: emptySHA256, algorithm: "AWS4-HMAC-SHA256",
	}
}

func putDraft() draft {
	d := baseDraft()
	d.method, d.headers = "PUT", nil
	d.body = "the body of the object"
	d.payload = hexSHA256(d.body)
	return d
}

func presignedDraft() draft {
	d := baseDraft()
	d.headers = nil
	d.expires, d.payload = "600", "-"
	return d
}

// chunkedDraft has three chunks and, if trailer, a checksum.
func chunkedDraft(signed, trailer bool) draft {
	d := baseDraft()
	d.method = "PUT"
	d.headers = [][2]string{{"content-encoding", "aws-chunked"}}
	d.chunks = []string{strings.Repeat("a", 9000), strings.Repeat("b", 10000), strings.Repeat("c", 100)}
	switch {
	case signed && trailer:
		d.payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	case signed:
		d.payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	default:
		d.payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	}
	if trailer {
		d.trailers = [][2]string{{"x-amz-checksum-crc32", crc32Of(strings.Join(d.chunks, ""))}}
	}
	return d
}

func crc32Of(s string) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))))
}

func hexSHA256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func (d *draft) signingKey() []byte {
	key := []byte("AWS4" + d.secret)
	for _, part := range []string{d.scopeDate, d.region, d.service, d.term} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return key
}

func (d *draft) hmac(message string) string {
	h := hmac.New(sha256.New, d.signingKey())
	h.Write([]byte(message))
	return hex.EncodeToString(h.Sum(nil))
}

func (d *draft) scope() string {
	return strings.Join([]string{d.scopeDate, d.region, d.service, d.term}, "/")
}

func (d *draft) timestamp() string { return d.time.Format("20060102T150405Z") }

// sign returns the request's head as text with \n line ends.
func (d *draft) sign() string {
	if d.scopeDate == "" {
		d.scopeDate = d.time.Format("20060102")
	}
	headers := append([][2]string{{"host", d.host}}, d.headers...)
	if d.expires == "" {
		headers = append(headers, [2]string{"x-amz-date", d.timestamp()})
	}
	if d.payload != "-" {
		headers = append(headers, [2]string{"x-amz-content-sha256", d.payload})
	}
	if d.chunks != nil {
		if d.decoded == "" {
			d.decoded = strconv.Itoa(len(strings.Join(d.chunks, "")))
		}
		headers = append(headers, [2]string{"x-amz-decoded-content-length", d.decoded})
		for _, t := range d.trailers {
			headers = append(headers, [2]string{"x-amz-trailer", t[0]})
		}
	}
	slices.SortStableFunc(headers, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	signed := d.signed
	if signed == nil {
		for _, h := range headers {
			signed = append(signed, h[0])
		}
		signed = slices.Compact(signed)
	}
	query := d.query
	if d.expires != "" {
		query = strings.TrimPrefix(query+"&X-Amz-Algorithm="+d.algorithm+
			"&X-Amz-Credential="+escape(d.accessKey+"/"+d.scope())+
			"&X-Amz-Date="+d.timestamp()+
			"&X-Amz-Expires="+escape(d.expires)+
			"&X-Amz-SignedHeaders="+escape(strings.Join(signed, ";")), "&")
	}
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		if p != "" && !strings.Contains(p, "=") {
			pairs[i] += "="
		}
	}
	slices.Sort(pairs)
	canonical := d.method + "\n" + d.path + "\n" + strings.Join(pairs, "&") + "\n"
	for _, name := range signed {
		var values []string
		for _, h := range headers {
			if h[0] == name {
				values = append(values, h[1])
			}
		}
		canonical += name + ":" + strings.Join(values, ",") + "\n"
	}
	payload := d.payload
	if payload == "-" {
		payload = "UNSIGNED-PAYLOAD"
	}
	canonical += "\n" + strings.Join(signed, ";") + "\n" + payload
	d.seed = d.hmac(d.algorithm + "\n" + d.timestamp() + "\n" + d.scope() + "\n" + hexSHA256(canonical))

	if d.expires != "" {
		query += "&X-Amz-Signature=" + d.seed
	} else {
		headers = append(headers, [2]string{"authorization", d.algorithm + " Credential=" + d.accessKey + "/" + d.scope() +
			", SignedHeaders=" + strings.Join(signed, ";") + ", Signature=" + d.seed})
	}
	target := d.path
	if query != "" {
		target += "?" + query
	}
	head := d.method + " " + target + " HTTP/1.1\n"
	for _, h := range headers {
		head += h[0] + ": " + h[1] + "\n"
	}
	return head
}

// parts returns the body in pieces that tests can rearrange: chunks, the final
// chunk, and the trailer. Call it after sign.
func (d *draft) parts() []string {
	if d.chunks == nil {
		return []string{d.body}
	}
	var parts []string
	previous := d.seed
	signed := strings.HasPrefix(d.payload, "STREAMING-AWS4")
	for _, c := range append(slices.Clone(d.chunks), "") {
		part := fmt.Sprintf("%x", len(c))
		if signed {
			previous = d.hmac("AWS4-HMAC-SHA256-PAYLOAD\n" + d.timestamp() + "\n" + d.scope() + "\n" +
				previous + "\n" + emptySHA256 + "\n" + hexSHA256(c))
			part += ";chunk-signature=" + previous
		}
		part += "\r\n" + c
		if c != "" {
			part += "\r\n"
		}
		parts = append(parts, part)
	}
	end, canonical := "", ""
	for _, t := range d.trailers {
		end += t[0] + ":" + t[1] + "\r\n"
		canonical += t[0] + ":" + t[1] + "\n"
	}
	if signed && strings.HasSuffix(d.payload, "TRAILER") {
		end += "x-amz-trailer-signature:" + d.hmac("AWS4-HMAC-SHA256-TRAILER\n"+d.timestamp()+"\n"+d.scope()+"\n"+
			previous+"\n"+hexSHA256(canonical)) + "\r\n"
	}
	return append(parts, end+"\r\n")
}

// request signs the draft and hands it over as net/http's server would.
func (d *draft) request(tb testing.TB) *http.Request {
	tb.Helper()
	head := d.sign()
	return withBody(tb, head, strings.Join(d.parts(), ""))
}

// withBody adds the Content-Length that a client would send.
func withBody(tb testing.TB, head, body string) *http.Request {
	tb.Helper()
	if body != "" {
		head = strings.TrimSpace(head) + "\ncontent-length: " + strconv.Itoa(len(body)) + "\n"
	}
	return wire(tb, head, body)
}
