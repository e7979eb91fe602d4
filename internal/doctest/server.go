//go:build unix

package doctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A server is a block that runs in a terminal of its own until the page ends.
type server struct {
	command *exec.Cmd
	log     *terminal
	ended   chan struct{} // closed when the process has ended, with err
	err     error
}

// ready is in the last line that a server logs before it serves.
const ready = `"msg":"ready"`

var (
	listening = regexp.MustCompile(`"listener":"(\w+)","url":"([^"]+)"`)
	pasted    = regexp.MustCompile(`(?m)^ *(export [A-Z_a-z0-9=+/. -]+)$`)
)

// serve starts a server and waits until it listens. The session goes on with its addresses, and with the lines that it
// prints for a second terminal.
func (s *Session) serve(ctx context.Context, b Block) error {
	v := &server{log: &terminal{}, ended: make(chan struct{})}
	v.command = s.program("sh", "-euc", "exec "+strings.TrimSpace(strings.ReplaceAll(b.Code, "go run ./cmd/sidecar", "sidecar")))
	v.command.Env = append(v.command.Env,
		"HEARTH_LISTEN=127.0.0.1:0", "HEARTH_ADMIN_LISTEN=127.0.0.1:0", "HEARTH_OPS_LISTEN=127.0.0.1:0", "HEARTH_LOG_FORMAT=json", "HEARTH_MEMORY=256MiB")
	v.command.Stdout, v.command.Stderr = v.log, v.log
	if err := v.command.Start(); err != nil {
		return fmt.Errorf("doctest: %w", err)
	}
	go func() {
		v.err = v.command.Wait()
		close(v.ended)
	}()
	s.servers = append(s.servers, v)

	limit := time.NewTimer(startTime)
	defer limit.Stop()
	addresses := map[string]string{}
	var text string
	for {
		var changed <-chan struct{}
		if text, changed = v.log.read(); strings.Contains(text, ready) {
			break
		}
		select {
		case <-changed:
		case <-v.ended:
			return fmt.Errorf("the server ended: %v\n%s", v.err, text)
		case <-limit.C:
			return fmt.Errorf("the server does not listen\n%s", text)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, match := range listening.FindAllStringSubmatch(text, -1) {
		addresses[match[1]] = match[2]
	}
	host := func(listener string) string {
		_, after, _ := strings.Cut(addresses[listener], "://")
		return after
	}
	s.ports = strings.NewReplacer(
		"go run ./cmd/sidecar", "sidecar",
		"127.0.0.1:9000", host("s3"), "127.0.0.1:9001", host("admin"), "127.0.0.1:9002", host("ops"),
	)
	s.shown = strings.NewReplacer(host("s3"), "127.0.0.1:9000", host("admin"), "127.0.0.1:9001", host("ops"), "127.0.0.1:9002")
	script := "export HEARTH_ADMIN=" + addresses["admin"] + " HEARTH_OPS_LISTEN=" + host("ops") + "\n"
	for _, match := range pasted.FindAllStringSubmatch(text, -1) {
		script += match[1] + "\n"
	}
	return <-s.tell(script + "echo >&3\n")
}

// end asks the server to end and waits for it.
func (v *server) end() error {
	_ = v.command.Process.Signal(syscall.SIGTERM)
	limit := time.NewTimer(endTime)
	defer limit.Stop()
	select {
	case <-v.ended:
	case <-limit.C:
		_ = syscall.Kill(-v.command.Process.Pid, syscall.SIGKILL)
		<-v.ended
	}
	if v.err != nil {
		text, _ := v.log.read()
		return errors.Join(fmt.Errorf("doctest: the server ended: %w", v.err), errors.New(text))
	}
	return nil
}

// logs are what the servers printed.
func (s *Session) logs() string {
	var b strings.Builder
	for _, v := range s.servers {
		text, _ := v.log.read()
		fmt.Fprintf(&b, "\nthe server said\n%s", text)
	}
	return b.String()
}

// A terminal keeps what a process prints, and tells who waits for it.
type terminal struct {
	mu   sync.Mutex
	text bytes.Buffer
	wake chan struct{} // closed at the next Write
}

// Write implements io.Writer.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wake != nil {
		close(t.wake)
		t.wake = nil
	}
	return t.text.Write(p)
}

// read returns all that was printed, and a channel that closes when there is more.
func (t *terminal) read() (string, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wake == nil {
		t.wake = make(chan struct{})
	}
	return t.text.String(), t.wake
}
