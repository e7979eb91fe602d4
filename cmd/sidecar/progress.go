package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/warm"
)

// barWidth is the number of cells in a progress bar.
const barWidth = 30

// terminal reports whether w is a terminal, whose line can be written over.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// bar renders how far a job is in one line.
func bar(s warm.Status) string {
	done := 0.0
	if s.Receipt.Bytes > 0 {
		done = min(float64(s.Receipt.ResidentBytes)/float64(s.Receipt.Bytes), 1)
	}
	cells := int(done * barWidth)
	return fmt.Sprintf("[%s%s] %3.0f%%  %s of %s  %d of %d objects  %s",
		strings.Repeat("#", cells), strings.Repeat("-", barWidth-cells), 100*done,
		inspect.SizeText(s.Receipt.ResidentBytes), inspect.SizeText(s.Receipt.Bytes),
		s.Receipt.ResidentObjects, s.Receipt.Objects, time.Duration(s.Receipt.Elapsed).Round(100*time.Millisecond))
}

// followJob draws a job's progress until it ends, or until ctx does.
func (c *adminClient) followJob(ctx context.Context, id string, w io.Writer) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/warm/"+id, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("admin API at %s: %s", c.base, resp.Status)
	}
	defer fmt.Fprint(w, "\r\x1b[K") // the answer takes the bar's place
	return drawEvents(resp.Body, w)
}

// drawEvents draws a bar for each status in a stream of server-sent events.
func drawEvents(events io.Reader, w io.Writer) error {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, maxAnswer)
	last := false
	for lines.Scan() {
		line := lines.Text()
		if line == "event: done" {
			last = true
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var s warm.Status
		if err := json.Unmarshal([]byte(data), &s); err != nil {
			return fmt.Errorf("admin API: %w", err)
		}
		if _, err := fmt.Fprintf(w, "\r%s\x1b[K", bar(s)); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
	return errors.Join(lines.Err(), io.ErrUnexpectedEOF)
}
