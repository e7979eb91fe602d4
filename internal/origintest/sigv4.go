package origintest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A SignedRequest is what Signature Version 4 covers, as it was on the wire.
type SignedRequest struct {
	Method string
	// Target is the request target: path and query, byte for byte.
	Target string
	Host   string
	// Header holds all other headers, Content-Length included.
	Header http.Header
}

// VerifySignature recomputes the signature of a request that carries it in its
// Authorization header, following the AWS documentation for S3 and no code of the
// SDK. secret maps access keys to secret keys. The request must have been signed
// within 15 minutes of now, and every x-amz-* header must be signed.
func VerifySignature(r SignedRequest, secret map[string]string, now time.Time) error {
	auth, found := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !found {
		return errors.New("no Signature Version 4")
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(auth, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return fmt.Errorf("credential %q", fields["Credential"])
	}
	key, known := secret[scope[0]]
	if !known {
		return fmt.Errorf("unknown access key %q", scope[0])
	}
	stamp := r.Header.Get("X-Amz-Date")
	signedAt, err := time.Parse("20060102T150405Z", stamp)
	if err != nil {
		return fmt.Errorf("date: %w", err)
	}
	if d := now.Sub(signedAt).Abs(); d > 15*time.Minute {
		return fmt.Errorf("signed %s away from now", d)
	}
	if !strings.HasPrefix(stamp, scope[1]) {
		return fmt.Errorf("date %s, scope %s", stamp, scope[1])
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	if err := checkSignedNames(r, signed); err != nil {
		return err
	}
	canonical, err := canonicalRequest(r, signed)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(canonical))
	toSign := "AWS4-HMAC-SHA256\n" + stamp + "\n" + strings.Join(scope[1:], "/") + "\n" + hex.EncodeToString(digest[:])
	mac := []byte("AWS4" + key)
	for _, part := range scope[1:] {
		mac = hmacSHA256(mac, part)
	}
	want := hex.EncodeToString(hmacSHA256(mac, toSign))
	if got := fields["Signature"]; !hmac.Equal([]byte(got), []byte(want)) {
		return fmt.Errorf("signature is wrong for canonical request %q", canonical)
	}
	return nil
}

func hmacSHA256(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

func checkSignedNames(r SignedRequest, signed []string) error {
	if !slices.IsSorted(signed) || !slices.Contains(signed, "host") {
		return fmt.Errorf("signed headers %q", signed)
	}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(signed, lower) {
			return fmt.Errorf("header %s is not signed", lower)
		}
	}
	return nil
}

func canonicalRequest(r SignedRequest, signed []string) (string, error) {
	path, query, _ := strings.Cut(r.Target, "?")
	decoded, err := percentDecode(path)
	if err != nil {
		return "", err
	}
	var params []string
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		// A '+' on the wire would be ambiguous; nothing may depend on it.
		if strings.ContainsAny(part, "+;") {
			return "", fmt.Errorf("query parameter %q has bare '+' or ';'", part)
		}
		if name, err = percentDecode(name); err != nil {
			return "", err
		}
		if value, err = percentDecode(value); err != nil {
			return "", err
		}
		params = append(params, percentEncode(name, false)+"="+percentEncode(value, false))
	}
	slices.SortFunc(params, func(a, b string) int {
		an, av, _ := strings.Cut(a, "=")
		bn, bv, _ := strings.Cut(b, "=")
		if c := strings.Compare(an, bn); c != 0 {
			return c
		}
		return strings.Compare(av, bv)
	})
	var b strings.Builder
	b.WriteString(r.Method + "\n" + percentEncode(decoded, true) + "\n" + strings.Join(params, "&") + "\n")
	for _, name := range signed {
		var values []string
		for n, vs := range r.Header {
			if strings.EqualFold(n, name) {
				for _, v := range vs {
					values = append(values, strings.Join(strings.FieldsFunc(v, func(c rune) bool { return c == ' ' }), " "))
				}
			}
		}
		if name == "host" {
			values = []string{r.Host}
		}
		if values == nil {
			return "", fmt.Errorf("signed header %s did not arrive", name)
		}
		b.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + r.Header.Get("X-Amz-Content-Sha256"))
	return b.String(), nil
}

func percentDecode(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("bad escape in %q", s)
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("bad escape in %q", s)
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), nil
}

func percentEncode(s string, keepSlash bool) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte(plain, c) >= 0 || keepSlash && c == '/' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// verify checks a request of net/http, and its body against the claimed hash.
func verify(r *http.Request, rec *Recorded, keys map[string]string, now time.Time) error {
	h := r.Header.Clone()
	if r.ContentLength > 0 {
		h.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	err := VerifySignature(SignedRequest{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: h}, keys, now)
	if err != nil {
		return err
	}
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); len(claimed) == 64 && claimed != rec.BodySHA256 {
		return errors.New("body is not what the payload hash says")
	}
	return nil
}
