package postform

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// FuzzParse feeds anything to the parser: it must not panic, must not hand out more than
// came in, and must not depend on how the bytes arrive.
func FuzzParse(f *testing.F) {
	f.Add([]byte(body("--b", `Content-Disposition: form-data; name="key"`, "", "k", "--b", `Content-Disposition: form-data; name="file"; filename="f"`, "", "contents", "--b--")))
	f.Add([]byte(body("--b", `Content-Disposition: form-data; name="file"`, "", "--b", "\r\n--b\r", "\r\n--bb", "--b", "late")))
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=file\r\n\r\n\r\n--b-"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		parse := func(r io.Reader) (fields int, contents []byte, code_ string) {
			form, file, err := Parse(r, "b", int64(len(raw)))
			if err != nil {
				return 0, nil, code(err)
			}
			contents, err = io.ReadAll(file)
			for _, value := range form.fields {
				fields += len(value)
			}
			return fields, contents, code(err)
		}
		fields, contents, refusal := parse(bytes.NewReader(raw))
		if fields > MaxFieldBytes || fields+len(contents) > len(raw) {
			t.Errorf("%d bytes of fields, %d of the file, of %d", fields, len(contents), len(raw))
		}
		again, same, refusalToo := parse(iotest.HalfReader(iotest.OneByteReader(bytes.NewReader(raw))))
		if refusal == "" && (again != fields || !bytes.Equal(same, contents)) || refusal != refusalToo {
			t.Errorf("byte by byte: %d, %q, %q; at once: %d, %q, %q", again, same, refusalToo, fields, contents, refusal)
		}
	})
}

// FuzzRoundTrip holds the parser against the standard library's writer.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a", "value", []byte("contents"))
	f.Add("x-amz-meta-a", "\r\n--bound", []byte("\r\n--boundary\r\n--boundary-x"))
	f.Fuzz(func(t *testing.T, name, value string, contents []byte) {
		const boundary = "0123456789-boundary"
		if name == "" || strings.ContainsAny(name, "\r\n\x00") || strings.EqualFold(name, "file") || len(name)+len(value) > MaxFieldBytes/2 || len(name) > 1024 ||
			strings.Contains(value, boundary) || bytes.Contains(contents, []byte(boundary)) {
			t.Skip()
		}
		raw := write(t, boundary, [][2]string{{name, value}}, "f", contents)
		form, file, err := Parse(bytes.NewReader(raw), boundary, int64(len(raw)))
		if err != nil {
			t.Skip() // a name that the header cannot carry
		}
		for _, got := range form.fields {
			if got != value {
				t.Errorf("got %q, want %q", got, value)
			}
		}
		if file.Expected() != int64(len(contents)) {
			t.Errorf("expected %d, want %d", file.Expected(), len(contents))
		}
		got, err := io.ReadAll(file)
		if err != nil || !bytes.Equal(got, contents) {
			t.Errorf("got %q, %v, want %q", got, err, contents)
		}
	})
}

// FuzzPolicy feeds anything to the policy's parser and asks what it found.
func FuzzPolicy(f *testing.F) {
	f.Add(`{"expiration": "2026-03-01T12:00:00Z", "conditions": [{"bucket": "b"}, ["starts-with", "$key", ""], ["content-length-range", 1, 2]]}`)
	f.Add(`{"expiration": "", "conditions": [null, [[]], {"a": {}}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		policy, err := ParsePolicy(encode(document))
		if err != nil {
			if code := code(err); code != "InvalidPolicyDocument" && code != "AccessDenied" {
				t.Errorf("got %v", err)
			}
			return
		}
		form := &Form{fields: map[string]string{"key": "k"}}
		if policy.Check(time.Time{}, "b", form) == nil && !strings.Contains(document, "b") {
			t.Error("allowed without a word about the bucket")
		}
		_ = policy.CheckSize(1)
	})
}
