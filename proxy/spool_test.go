package proxy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/postform"
)

func TestFilesOfFormsAreHeldInBoundedNumber(t *testing.T) {
	h := &Handler{spools: make(chan struct{}, 2)}
	parse := func(contents string) *postform.File {
		body := "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n" + contents + "\r\n--b--\r\n"
		_, file, err := postform.Parse(strings.NewReader(body), "b", int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	ctx, cancel := context.WithCancel(t.Context())
	var releases []func()
	for range 2 {
		release, err := h.fileBody(ctx, &origin.Request{}, parse("small"), nil)
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	if release, err := h.fileBody(ctx, &origin.Request{}, parse(strings.Repeat("x", maxSpool+1)), nil); err != nil {
		t.Errorf("a large one, which is streamed: %v", err)
	} else {
		release()
	}
	cancel()
	if _, err := h.fileBody(ctx, &origin.Request{}, parse("small"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many: %v", err)
	}
	for _, release := range releases {
		release()
	}
	if len(h.spools) != 0 {
		t.Errorf("%d are held in the end", len(h.spools))
	}
}
