package postform

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const crlf = "\r\n"

// body writes a form by hand: lines, each with its end.
func body(lines ...string) string { return strings.Join(lines, crlf) + crlf }

func TestFieldsAreReadUpToTheFile(t *testing.T) {
	contents := []byte("one\r\n--two\r\n--bound\r\n--boundaryX\r\n--boundary-\r\n--boundary \tx\r\n\r")
	raw := write(t, "boundary", [][2]string{
		{"Key", "a/${filename}"},
		{"x-amz-meta-a", "1"},
		{"X-Amz-Meta-A", "2"},
		{"empty", ""},
		{"twice", "first"},
		{"twice", "second"},
		{"lines", "a\r\nb\n\r\n--c"},
	}, `C:\dir\file.txt`, contents)
	for name, reader := range map[string]io.Reader{
		"at once":      bytes.NewReader(raw),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(raw)),
		"with its end": iotest.DataErrReader(bytes.NewReader(raw)),
	} {
		t.Run(name, func(t *testing.T) {
			form, file, err := Parse(reader, "boundary", int64(len(raw)))
			if err != nil {
				t.Fatal(err)
			}
			form.Expand()
			want := map[string]string{
				"key": "a/file.txt", "x-amz-meta-a": "1,2", "empty": "", "twice": "second", "lines": "a\r\nb\n\r\n--c",
			}
			if diff := cmp.Diff(want, form.fields); diff != "" {
				t.Error(diff)
			}
			if file.Expected() != int64(len(contents)) {
				t.Errorf("expected %d bytes of %d", file.Expected(), len(contents))
			}
			got, err := io.ReadAll(file)
			if err != nil || !bytes.Equal(got, contents) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestBodiesThatAreNoFormsAreRefused(t *testing.T) {
	const field, file = "Content-Disposition: form-data; name=\"a\"", "Content-Disposition: form-data; name=\"file\"; filename=\"f\""
	for name, tt := range map[string]struct{ body, want string }{
		"nothing":                   {"", "MalformedPOSTRequest"},
		"another boundary":          {body("--x", file, "", "f", "--x--"), "MalformedPOSTRequest"},
		"no line":                   {"--b", "MalformedPOSTRequest"},
		"bare line feeds":           {"--b\n" + file + "\n\nf\n--b--\n", "MalformedPOSTRequest"},
		"no header":                 {body("--b", "what", "", "f", "--b--"), "MalformedPOSTRequest"},
		"no disposition":            {body("--b", "A: b", "", "f", "--b--"), "MalformedPOSTRequest"},
		"another disposition":       {body("--b", "Content-Disposition: attachment; name=file", "", "f", "--b--"), "MalformedPOSTRequest"},
		"no name":                   {body("--b", "Content-Disposition: form-data", "", "f", "--b--"), "MalformedPOSTRequest"},
		"no file":                   {body("--b", field, "", "v", "--b--"), "InvalidArgument"},
		"ends within a head":        {"--b" + crlf + field, "MalformedPOSTRequest"},
		"ends within a field":       {body("--b", field, "", "v"), "MalformedPOSTRequest"},
		"ends within the delimiter": {body("--b", field, "", "v") + "--b", "MalformedPOSTRequest"},
		"a long line":               {body("--b", "A: "+strings.Repeat("x", readBuffer), "", "v", "--b--"), "MalformedPOSTRequest"},
		"long fields":               {body("--b", field, "", strings.Repeat("v", MaxFieldBytes), "--b", file, "", "f", "--b--"), "MaxPostPreDataLengthExceeded"},
		"long heads":                {body("--b", strings.Repeat("A: b"+crlf, MaxFieldBytes/6)+field, "", "v", "--b", file, "", "f", "--b--"), "MaxPostPreDataLengthExceeded"},
		"many fields":               {strings.Repeat("--b"+crlf+field+crlf+crlf+crlf, maxFields) + body("--b", file, "", "f", "--b--"), "MalformedPOSTRequest"},
		"an empty line first":       {crlf + body("--b", field, "", "", "--b", file, "", "f", "--b--"), ""},
		"spaces behind boundaries":  {body("--b \t", field, "", "v", "--b  ", file, "", "f", "--b--"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Parse(iotest.OneByteReader(strings.NewReader(tt.body)), "b", int64(len(tt.body)))
			if code(err) != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	broken := errors.New("broken")
	if _, _, err := Parse(iotest.ErrReader(broken), "b", 0); !errors.Is(err, broken) {
		t.Errorf("an error of reading became %v", err)
	}
}

func TestContentTypesOfForms(t *testing.T) {
	for contentType, want := range map[string]string{
		`multipart/form-data; boundary=x`: "", `Multipart/Form-Data; boundary="a b"`: "",
		`application/json`: "PreconditionFailed", ``: "PreconditionFailed", `multipart/mixed; boundary=x`: "PreconditionFailed",
		`multipart/form-data`: "MalformedPOSTRequest", `multipart/form-data; boundary=`: "MalformedPOSTRequest",
		`multipart/form-data; boundary=` + strings.Repeat("x", 71): "MalformedPOSTRequest",
	} {
		if _, err := Boundary(contentType); code(err) != want {
			t.Errorf("%q: got %v, want %q", contentType, err, want)
		}
	}
}

func TestAFileOfAnotherLengthBreaksBeforeItsLastByte(t *testing.T) {
	contents := bytes.Repeat([]byte("0123456789"), 20_000)
	raw := write(t, "b", nil, "f", contents)
	tail := append(bytes.TrimSuffix(bytes.Clone(raw), []byte("--\r\n")), "\r\nContent-Disposition: form-data; name=\"late\"\r\n\r\nx\r\n--b--\r\n"...)
	cut := raw[:len(raw)-8]
	for name, tt := range map[string]struct {
		raw    []byte
		length int64
		ok     bool
	}{
		"as long as it says": {raw, int64(len(contents)), true},
		"shorter":            {raw, int64(len(contents)) + 1, false},
		"much shorter":       {raw, 10 * int64(len(contents)), false},
		"longer":             {raw, int64(len(contents)) - 1, false},
		"fields behind it":   {tail, int64(len(contents)), true},
		"cut off":            {cut, int64(len(contents)), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, file, err := Parse(bytes.NewReader(tt.raw), "b", int64(len(tt.raw)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(file.Exactly(tt.length))
			if (err == nil) != tt.ok || tt.ok && !bytes.Equal(got, contents) || !tt.ok && int64(len(got)) >= tt.length {
				t.Errorf("got %d bytes of %d, %v", len(got), tt.length, err)
			}
			if n, again := file.Read(make([]byte, 1)); n != 0 || again == nil {
				t.Errorf("and then %d bytes, %v", n, again)
			}
		})
	}
}

func TestNamesOfFilesLoseTheirFolders(t *testing.T) {
	for filename, want := range map[string]string{
		"": "", "a.txt": "a.txt", "/user/a.txt": "a.txt", `C:\Program Files\a.txt`: "a.txt", `a\b/c`: "c", "/": "", ".": "", "a/": "a", "..": "..",
	} {
		if got := baseName(filename); got != want {
			t.Errorf("%q: got %q, want %q", filename, got, want)
		}
	}
}
