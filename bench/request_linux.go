package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

const (
	accessKey = "HEARTHBENCHKEY"
	secretKey = "hearth-bench-secret"
	region    = "us-east-1"

	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// requests returns the bytes of one GET for each span, as the object store library of
// LanceDB writes them. Signed ones are good for a quarter of an hour.
func (d *dataset) requests(host string, spans []span, signed bool) [][]byte {
	var key []byte
	now := time.Now().UTC()
	if signed {
		key = signingKey(now)
	}
	out := make([][]byte, len(spans))
	for i, s := range spans {
		path := "/" + bucket + "/" + d.objects[s.object]
		bytesRange := fmt.Sprintf("bytes=%d-%d", s.off, s.off+s.n-1)
		var b strings.Builder
		fmt.Fprintf(&b, "GET %s HTTP/1.1\r\n", path)
		if signed {
			fmt.Fprintf(&b, "x-amz-date: %s\r\nx-amz-content-sha256: %s\r\nauthorization: %s\r\n",
				now.Format(amzTime), emptySHA256, authorization(key, now, host, path, bytesRange))
		}
		fmt.Fprintf(&b, "range: %s\r\naccept: */*\r\nuser-agent: object_store/0.14.1\r\nhost: %s\r\n\r\n", bytesRange, host)
		out[i] = []byte(b.String())
	}
	return out
}

const amzTime = "20060102T150405Z"

func scope(now time.Time) string { return now.Format("20060102") + "/" + region + "/s3/aws4_request" }

func signingKey(now time.Time) []byte {
	key := []byte("AWS4" + secretKey)
	for part := range strings.SplitSeq(scope(now), "/") {
		key = sum(key, part)
	}
	return key
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// authorization signs a GET without query, of a path without escapes (SigV4).
func authorization(key []byte, now time.Time, host, path, bytesRange string) string {
	const signed = "host;range;x-amz-content-sha256;x-amz-date"
	timestamp := now.Format(amzTime)
	canonical := "GET\n" + path + "\n\nhost:" + host + "\nrange:" + bytesRange +
		"\nx-amz-content-sha256:" + emptySHA256 + "\nx-amz-date:" + timestamp + "\n\n" + signed + "\n" + emptySHA256
	digest := sha256.Sum256([]byte(canonical))
	signature := sum(key, "AWS4-HMAC-SHA256\n"+timestamp+"\n"+scope(now)+"\n"+hex.EncodeToString(digest[:]))
	return "AWS4-HMAC-SHA256 Credential=" + accessKey + "/" + scope(now) +
		", SignedHeaders=" + signed + ", Signature=" + hex.EncodeToString(signature)
}
