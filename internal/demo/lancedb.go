package demo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed lancedb.mjs
var lancedbScript string

// A LanceDB is one that is installed here, for Node.js.
type LanceDB struct {
	// Node is the program, Folder holds the node_modules with LanceDB.
	Node, Folder string
	// Version is LanceDB's, "" if it does not say.
	Version string
	// TempDir is for what it leaves behind; "" means the system's.
	TempDir string
}

// FindLanceDB looks for Node.js on the path, and for LanceDB in folders of modules, those named "" left out.
func FindLanceDB(node string, modules ...string) (LanceDB, bool) {
	path, err := exec.LookPath(node)
	if err != nil {
		return LanceDB{}, false
	}
	for _, m := range modules {
		if m == "" {
			continue
		}
		m, err := filepath.Abs(m)
		if err != nil {
			continue
		}
		description, err := os.ReadFile(filepath.Join(m, "@lancedb", "lancedb", "package.json"))
		if err != nil {
			continue
		}
		var about struct {
			Version string `json:"version"`
		}
		_ = json.Unmarshal(description, &about) // or it stays empty
		return LanceDB{Node: path, Folder: filepath.Dir(m), Version: about.Version}, true
	}
	return LanceDB{}, false
}

// A Question is one for a table: one of Phrase, Vector and Key.
type Question struct {
	Phrase string    `json:"phrase,omitempty"`
	Vector []float32 `json:"vector,omitempty"`
	Key    string    `json:"key,omitempty"`
	// K is how many rows are wanted at most.
	K int `json:"k"`
}

// A Hit is a row of an answer.
type Hit struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// An Answer is what came of a Question, and how long it took.
type Answer struct {
	Hits    []Hit
	Elapsed time.Duration
}

// A LanceDBProcess is a fresh process with LanceDB in it, which answers one question. It belongs to one goroutine.
type LanceDBProcess struct {
	cmd       *exec.Cmd
	in        io.WriteCloser
	out, errs bytes.Buffer
}

// Start starts a process, which ends with ctx at the latest. The caller calls Ask or Close.
func (l LanceDB) Start(ctx context.Context) (*LanceDBProcess, error) {
	p := &LanceDBProcess{cmd: exec.CommandContext(ctx, l.Node, "--input-type=module", "--eval", lancedbScript, l.Folder)}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	p.cmd.Env = append(os.Environ(), "RUST_LOG=off")
	if l.TempDir != "" {
		p.cmd.Env = append(p.cmd.Env, "TMPDIR="+l.TempDir)
	}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("demo: LanceDB: %w", err)
	}
	return p, nil
}

// Close ends a process that was not asked.
func (p *LanceDBProcess) Close() {
	_ = p.cmd.Process.Kill() // or it is over already
	_ = p.cmd.Wait()         // says that it was killed
}

// Ask asks a table of a database, s3://bucket/prefix behind an endpoint, and ends the process. The time is that from opening
// the table to the last row: starting the process is not in it.
func (p *LanceDBProcess) Ask(ctx context.Context, endpoint, uri, table string, q Question) (Answer, error) {
	request, err := json.Marshal(struct {
		Question
		Endpoint string `json:"endpoint"`
		URI      string `json:"uri"`
		Table    string `json:"table"`
	}{q, endpoint, uri, table})
	if err != nil {
		p.Close()
		return Answer{}, err
	}
	_, err = p.in.Write(append(request, '\n'))
	if err = errors.Join(err, p.cmd.Wait()); err != nil {
		if ctx.Err() != nil {
			return Answer{}, ctx.Err()
		}
		return Answer{}, fmt.Errorf("demo: LanceDB: %s: %s", strings.ReplaceAll(err.Error(), "\n", ", "), firstLine(p.errs.String()))
	}
	var answer struct {
		Milliseconds float64 `json:"milliseconds"`
		Rows         []Hit   `json:"rows"`
	}
	if err := json.Unmarshal(p.out.Bytes(), &answer); err != nil {
		return Answer{}, fmt.Errorf("demo: LanceDB printed %q: %w", firstLine(p.out.String()), err)
	}
	return Answer{Hits: answer.Rows, Elapsed: milliseconds(answer.Milliseconds)}, nil
}

// firstLine is the first line of a text that says something; of what Node.js prints, the one with the error.
func firstLine(text string) string {
	first := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "Error") {
			return line
		}
		if first == "" {
			first = line
		}
	}
	return first
}
