package postform

import (
	"bytes"
	"encoding/base64"
	"errors"
	"mime/multipart"
	"testing"
)

// write makes the body of a form with the standard library.
func write(t testing.TB, boundary string, fields [][2]string, filename string, file []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(boundary); err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", filename)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// code returns the S3 code of an error, or what else it is.
func code(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return err.Error()
}

func encode(document string) string { return base64.StdEncoding.EncodeToString([]byte(document)) }
