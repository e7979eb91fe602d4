package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// signWire signs r with the SDK's signer at exampleTime and returns it as it would
// stand on the wire, without a body.
func signWire(tb testing.TB, r *http.Request, presigned bool) *bufio.Reader {
	tb.Helper()
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	creds := aws.Credentials{AccessKeyID: exampleAccessKey, SecretAccessKey: exampleSecret}
	header := r.Header
	target := ""
	if presigned {
		r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&X-Amz-Expires=300", "&")
		signed, signedHeader, err := signer.PresignHTTP(context.Background(), creds, r, "UNSIGNED-PAYLOAD", "s3", exampleRegion, exampleTime)
		if err != nil {
			tb.Fatal(err)
		}
		header = signedHeader
		_, rest, _ := strings.Cut(signed, "://")
		if _, after, ok := strings.Cut(signed, r.URL.Host); ok {
			rest = after
		}
		target = rest
	} else {
		r.Header.Set("X-Amz-Content-Sha256", emptySHA256)
		if err := signer.SignHTTP(context.Background(), creds, r, emptySHA256, "s3", exampleRegion, exampleTime); err != nil {
			tb.Fatal(err)
		}
		target = strings.TrimPrefix(r.URL.Opaque, "//"+r.URL.Host)
		if r.URL.RawQuery != "" {
			target += "?" + r.URL.RawQuery
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, target, r.URL.Host)
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if strings.EqualFold(name, "host") {
			continue
		}
		for _, value := range header[name] {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	b.WriteString("\r\n")
	return bufio.NewReader(&b)
}
