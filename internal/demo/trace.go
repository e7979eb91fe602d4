package demo

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// A Request is one recorded request.
type Request struct {
	Method, Path, Query, Range string
	// Status and Bytes are the recorded answer's.
	Status int
	Bytes  int64
	// Start and End are when it arrived and was answered, from the process's start.
	Start, End time.Duration
}

// A Trace is one recorded query, in order of arrival.
type Trace struct {
	Name     string
	Requests []Request
}

// LoadTrace reads a recording from fsys up to the end of its first query: connecting,
// opening the table, and the query itself.
func LoadTrace(fsys fs.FS, file, name string) (Trace, error) {
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return Trace{}, fmt.Errorf("demo: %w", err)
	}
	t := Trace{Name: name}
	first := ""
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		var line struct {
			Phase  string  `json:"phase"`
			T      float64 `json:"t"`
			Ms     float64 `json:"ms"`
			Method string  `json:"m"`
			Path   string  `json:"p"`
			Query  string  `json:"q"`
			Range  string  `json:"range"`
			Status int     `json:"s"`
			Bytes  int64   `json:"b"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return Trace{}, fmt.Errorf("demo: %s:%d: %w", file, n, err)
		}
		if strings.Contains(line.Phase, "#1") {
			if first == "" {
				first = line.Phase
			}
		} else if first != "" {
			break
		}
		t.Requests = append(t.Requests, Request{
			Method: line.Method, Path: line.Path, Query: line.Query, Range: line.Range, Status: line.Status, Bytes: line.Bytes,
			Start: milliseconds(line.T), End: milliseconds(line.T + line.Ms),
		})
	}
	if err := lines.Err(); err != nil || first == "" {
		return Trace{}, fmt.Errorf("demo: %s holds no first query (%v)", file, err)
	}
	return t, nil
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// A step says when a request of a replay may start.
type step struct {
	after int           // so many requests, in order of their recorded end, must be answered
	think time.Duration // and the client thought for so long afterwards
}

// maxThink bounds the time that the client spent by itself between an answer and the next
// request: longer pauses are another phase's.
const maxThink = 100 * time.Millisecond

// plan derives from the recording what each request waited for. order lists the requests by
// their end.
func (t Trace) plan() (steps []step, order []int) {
	order = make([]int, len(t.Requests))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(t.Requests[a].End - t.Requests[b].End) })
	steps = make([]step, len(t.Requests))
	for i, r := range t.Requests {
		s := step{}
		for s.after < len(order) && t.Requests[order[s.after]].End <= r.Start {
			s.after++
		}
		if s.after > 0 {
			s.think = min(r.Start-t.Requests[order[s.after-1]].End, maxThink)
		}
		steps[i] = s
	}
	return steps, order
}
