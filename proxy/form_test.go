package proxy_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/origintest"
)

// A browserForm is what a page sends. Fields that are "-" are left out.
type browserForm struct {
	key, secret string // who signs
	conditions  []any  // beside those that cover the fields
	fields      map[string]string
	file        []byte
	tail        string // behind the form
}

// encode signs the form and writes it as browsers do.
func (f browserForm) encode(t *testing.T) (body []byte, contentType string) {
	t.Helper()
	now := time.Now().UTC()
	fields := map[string]string{
		"key": "db/upload", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-date": now.Format("20060102T150405Z"),
		"x-amz-credential": f.key + "/" + now.Format("20060102") + "/us-east-1/s3/aws4_request",
	}
	maps.Copy(fields, f.fields)
	conditions := append([]any{map[string]string{"bucket": bucket}}, f.conditions...)
	for name, value := range fields {
		if value != "-" {
			conditions = append(conditions, map[string]string{name: strings.ReplaceAll(value, "${filename}", "file.txt")})
		}
	}
	document, err := json.Marshal(map[string]any{"expiration": now.Add(time.Hour).Format(time.RFC3339), "conditions": conditions})
	if err != nil {
		t.Fatal(err)
	}
	sum := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	policy := base64.StdEncoding.EncodeToString(document)
	signing := []byte("AWS4" + f.secret)
	for _, part := range []string{now.Format("20060102"), "us-east-1", "s3", "aws4_request", policy} {
		signing = sum(signing, part)
	}
	for name, value := range map[string]string{"policy": policy, "x-amz-signature": hex.EncodeToString(signing)} {
		if _, given := fields[name]; !given {
			fields[name] = value
		}
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if value != "-" {
			_ = w.WriteField(name, value) // a bytes.Buffer does not fail
		}
	}
	part, err := w.CreateFormFile("file", `C:\dir\file.txt`)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(f.file)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b.WriteString(f.tail)
	return b.Bytes(), w.FormDataContentType()
}

// post sends a form.
func (h *hearth) post(f browserForm, header map[string]string) *answer {
	h.t.Helper()
	body, contentType := f.encode(h.t.(*testing.T))
	all := map[string]string{"Content-Type": contentType}
	maps.Copy(all, header)
	return h.ask(h.url, http.MethodPost, "/"+bucket, all, body)
}

func TestBrowserFormsStoreTheirFile(t *testing.T) {
	h := withKeys(t, nil)
	writer := func(f browserForm) browserForm {
		f.key, f.secret = "WRITER", "writer-secret"
		return f
	}
	small, large := []byte("contents"), randomBytes(1, 700_000)
	for name, tt := range map[string]struct {
		form     browserForm
		key      string
		status   int
		location string
	}{
		"a small file":            {browserForm{file: small}, "db/upload", 204, "/db%2Fupload"},
		"an empty file":           {browserForm{}, "db/upload", 204, "/db%2Fupload"},
		"a large file":            {browserForm{file: large}, "db/upload", 204, "/db%2Fupload"},
		"the file's own name":     {browserForm{file: small, fields: map[string]string{"key": "db/${filename}"}}, "db/file.txt", 204, "/db%2Ffile.txt"},
		"200":                     {browserForm{file: small, fields: map[string]string{"success_action_status": "200"}}, "db/upload", 200, "/db%2Fupload"},
		"201":                     {browserForm{file: small, fields: map[string]string{"success_action_status": "201"}}, "db/upload", 201, "/db%2Fupload"},
		"a redirection":           {browserForm{file: small, fields: map[string]string{"success_action_redirect": "https://page.example/done"}}, "db/upload", 303, "https://page.example/done?bucket=tables&etag="},
		"something behind a form": {browserForm{file: small, tail: "anything"}, "db/upload", 204, "/db%2Fupload"},
		"a size within bounds":    {browserForm{file: small, conditions: []any{[]any{"content-length-range", 8, 8}}}, "db/upload", 204, "/db%2Fupload"},
	} {
		t.Run(name, func(t *testing.T) {
			h.origin.Remove(bucket, tt.key)
			a := h.post(writer(tt.form), nil)
			if a.Err != nil || a.Status != tt.status {
				t.Fatalf("%d %v %s", a.Status, a.Err, a.Body)
			}
			stored, ok := h.origin.Object(bucket, tt.key)
			if !ok || !bytes.Equal(stored.Data, tt.form.file) {
				t.Fatal("the origin does not hold the file")
			}
			if !strings.Contains(a.Header.Get("Location"), tt.location) || a.Header.Get("Etag") != origintest.ETag(tt.form.file) || a.cache() != "bypass" {
				t.Errorf("headers %v", a.Header)
			}
			if want := "<ETag>" + strings.ReplaceAll(origintest.ETag(tt.form.file), `"`, "&#34;") + "</ETag></PostResponse>"; tt.status == 201 && !strings.HasSuffix(string(a.Body), want) {
				t.Errorf("answered %s", a.Body)
			}
			if tt.status != 201 && len(a.Body) != 0 {
				t.Errorf("answered %s", a.Body)
			}
		})
	}
}

func TestBrowserFormsSayWhatTheObjectIs(t *testing.T) {
	h := withKeys(t, nil)
	a := h.post(browserForm{key: "ADMIN", secret: "admin-secret", file: []byte("x"), fields: map[string]string{
		"Content-Type": "text/plain", "x-amz-meta-who": "me", "acl": "private", "x-ignore-this": "y",
		"tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b c</Value></Tag></TagSet></Tagging>",
	}}, map[string]string{"x-amz-copy-source": "/" + bucket + "/secret", "x-amz-meta-from": "the head", "Cookie": "secret"})
	if a.Status != 204 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	requests := h.origin.Requests()
	if len(requests) != 1 {
		t.Fatalf("%d requests:\n%s", len(requests), h.origin)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/plain", "X-Amz-Meta-Who": "me", "X-Amz-Acl": "private", "X-Amz-Tagging": "a=b+c",
		"X-Amz-Copy-Source": "", "X-Amz-Meta-From": "", "Cookie": "", "X-Ignore-This": "", "Policy": "",
	} {
		if got := requests[0].Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if requests[0].Method != "PUT" || requests[0].Header.Get("Authorization") == "" {
		t.Errorf("sent %s %v", requests[0].Method, requests[0].Header)
	}
}

func TestBrowserFormsOfWhoMayNotStoreNothing(t *testing.T) {
	h := withKeys(t, func(s *setup) { s.handler.Allowed = func(name string) bool { return name != "elsewhere" } })
	admin := func(f browserForm) browserForm {
		f.key, f.secret = "ADMIN", "admin-secret"
		return f
	}
	large := randomBytes(2, 400_000)
	for name, tt := range map[string]struct {
		form browserForm
		code string
	}{
		"a wrong secret":               {browserForm{key: "ADMIN", secret: "guess"}, "SignatureDoesNotMatch"},
		"an unknown key":               {browserForm{key: "NOBODY", secret: "x"}, "InvalidAccessKeyId"},
		"a reader":                     {browserForm{key: "READER", secret: "reader-secret"}, "AccessDenied"},
		"a writer beside its prefix":   {browserForm{key: "WRITER", secret: "writer-secret", fields: map[string]string{"key": "other"}}, "AccessDenied"},
		"an archive that is unpacked":  {browserForm{key: "WRITER", secret: "writer-secret", fields: map[string]string{"x-amz-meta-snowball-auto-extract": "true"}}, "AccessDenied"},
		"nobody":                       {browserForm{fields: map[string]string{"policy": "-", "x-amz-signature": "-", "x-amz-algorithm": "-", "x-amz-credential": "-", "x-amz-date": "-"}}, "AccessDenied"},
		"no signature":                 {admin(browserForm{fields: map[string]string{"x-amz-signature": "-"}}), "InvalidArgument"},
		"a session token":              {admin(browserForm{fields: map[string]string{"x-amz-security-token": "t"}}), "InvalidToken"},
		"no key":                       {admin(browserForm{fields: map[string]string{"key": "-"}}), "InvalidArgument"},
		"another bucket's policy":      {admin(browserForm{conditions: []any{[]any{"eq", "$bucket", "other"}}}), "AccessDenied"},
		"a condition that is not met":  {admin(browserForm{conditions: []any{[]any{"eq", "$key", "other"}}}), "AccessDenied"},
		"a file that is too large":     {admin(browserForm{file: large, conditions: []any{[]any{"content-length-range", 0, 399_999}}}), "EntityTooLarge"},
		"a file that is too small":     {admin(browserForm{file: []byte("x"), conditions: []any{[]any{"content-length-range", 2, 9}}}), "EntityTooSmall"},
		"a large file with a tail":     {admin(browserForm{file: large, tail: "anything"}), "MalformedPOSTRequest"},
		"tags that are none":           {admin(browserForm{fields: map[string]string{"tagging": "x"}}), "MalformedXML"},
		"a line break in the metadata": {admin(browserForm{fields: map[string]string{"x-amz-meta-a": "1\r\nx-amz-copy-source: /b/k"}}), "InvalidArgument"},
	} {
		t.Run(name, func(t *testing.T) {
			a := h.post(tt.form, nil)
			if a.Err != nil || a.Status < 400 || a.Status > 403 || !strings.Contains(string(a.Body), "<Code>"+tt.code+"</Code>") {
				t.Errorf("%d %v %s, want %s", a.Status, a.Err, a.Body, tt.code)
			}
		})
	}
	t.Run("a bucket that is not served", func(t *testing.T) {
		body, contentType := admin(browserForm{}).encode(t)
		if a := h.ask(h.url, "POST", "/elsewhere", map[string]string{"Content-Type": contentType}, body); a.Status != 403 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	})
	t.Run("no form", func(t *testing.T) {
		if a := h.ask(h.url, "POST", "/"+bucket, map[string]string{"Content-Type": "application/json"}, []byte("{}")); a.Status != 412 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	})
	if keys := h.origin.Keys(bucket, ""); len(keys) != 0 {
		t.Errorf("stored %q", keys)
	}
	for _, r := range h.origin.Requests() {
		if r.Status != 0 { // the large one that was broken off
			t.Errorf("%s %s reached the origin", r.Method, r.Target)
		}
	}
}

func TestABrowserFormInvalidatesLikeAnyWrite(t *testing.T) {
	h := withKeys(t, nil)
	read := func() string {
		return string(h.signed("ADMIN", "admin-secret", "GET", "/"+bucket+"/"+immutableKey, nil, "").Body)
	}
	h.origin.Put(bucket, immutableKey, []byte("before"))
	if got := read(); got != "before" {
		t.Fatalf("got %q", got)
	}
	if a := h.post(browserForm{key: "ADMIN", secret: "admin-secret", file: []byte("behind"), fields: map[string]string{"key": immutableKey}}, nil); a.Status != 204 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if got := read(); got != "behind" {
		t.Errorf("got %q", got)
	}
}

func TestWithoutAuthenticationFormsNeedNoPolicy(t *testing.T) {
	h := newHearth(t, nil)
	unsigned := map[string]string{"policy": "-", "x-amz-signature": "-", "x-amz-algorithm": "-", "x-amz-credential": "-", "x-amz-date": "-"}
	if a := h.post(browserForm{fields: unsigned, file: []byte("x")}, nil); a.Status != 204 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := h.post(browserForm{conditions: []any{[]any{"eq", "$key", "other"}}}, nil); a.Status != 403 {
		t.Errorf("against its own policy: %d %s", a.Status, a.Body)
	}
}
