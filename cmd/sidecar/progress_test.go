package main

import (
	"strings"
	"testing"
	"time"

	"github.com/hearthcache/hearth/warm"
)

func TestBarShowsHowFarAJobIs(t *testing.T) {
	s := warm.Status{Answer: warm.Answer{Receipt: warm.Receipt{
		Objects: 4, ResidentObjects: 1, Bytes: 3 << 20, ResidentBytes: 1 << 20, Elapsed: warm.Duration(1260 * time.Millisecond),
	}}}
	if got, want := bar(s), "[##########--------------------]  33%  1.00 MiB of 3.00 MiB  1 of 4 objects  1.3s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := bar(warm.Status{}); !strings.HasPrefix(got, "[------------------------------]   0%") {
		t.Errorf("before anything is known: %q", got)
	}
}

func TestProgressIsDrawnUntilTheJobIsDone(t *testing.T) {
	events := "id: 1\nevent: progress\ndata: {\"receipt\":{\"bytes\":2,\"resident_bytes\":1}}\n\n" +
		"id: 2\nevent: done\ndata: {\"receipt\":{\"bytes\":2,\"resident_bytes\":2}}\n\n"
	var screen strings.Builder
	if err := drawEvents(strings.NewReader(events), &screen); err != nil {
		t.Fatal(err)
	}
	drawn := strings.Split(strings.TrimPrefix(screen.String(), "\r"), "\r")
	if len(drawn) != 2 || !strings.Contains(drawn[0], " 50%") || !strings.Contains(drawn[1], "100%") {
		t.Errorf("drawn %q", drawn)
	}
	for _, cut := range []string{"", events[:60], "data: {\n\n"} {
		if err := drawEvents(strings.NewReader(cut), &screen); err == nil {
			t.Errorf("%q looks ended", cut)
		}
	}
}
