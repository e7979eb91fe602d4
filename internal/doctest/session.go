//go:build unix

package doctest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Limits of a session: how long a block may take, a server to listen, and to end when told to.
const (
	blockTime = 90 * time.Second
	startTime = 60 * time.Second
	endTime   = 20 * time.Second
)

// Options say what a session runs, and with what.
type Options struct {
	// Root is the module's root. Its testdata, charts and README.md are there in the session's folder.
	Root string
	// Sidecar is the program under test.
	Sidecar string
	// Dir is an empty folder that the session may fill. The caller removes it.
	Dir string
	// E2E also runs the blocks that need other programs.
	E2E bool
	// Tools are paths of programs by the name that documents use: aws, python3, node.
	Tools map[string]string
	// NodeModules is a folder with JavaScript packages. Only with E2E.
	NodeModules string
}

// A Session is a shell with what a page has begun in it. Close it.
type Session struct {
	o        Options
	shell    *exec.Cmd
	in       io.WriteCloser
	done     *bufio.Reader // the shell writes a line here when a block has ended
	doneFile *os.File
	ports    *strings.Replacer // addresses in documents to those of the last server
	shown    *strings.Replacer // and back
	servers  []*server
	blocks   int
	printed  string // by the last block that ran
}

// Open starts a session.
func Open(o Options) (*Session, error) {
	s := &Session{o: o, ports: strings.NewReplacer("go run ./cmd/sidecar", "sidecar"), shown: strings.NewReplacer()}
	if err := s.furnish(); err != nil {
		return nil, fmt.Errorf("doctest: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("doctest: %w", err)
	}
	defer func() { _ = write.Close() }() // the shell has it
	s.doneFile, s.done = read, bufio.NewReader(read)
	s.shell = s.program("sh", "-eu")
	s.shell.ExtraFiles = []*os.File{write}
	if s.in, err = s.shell.StdinPipe(); err == nil {
		err = s.shell.Start()
	}
	if err != nil {
		_ = read.Close()
		return nil, fmt.Errorf("doctest: %w", err)
	}
	return s, nil
}

// furnish makes the session's folder: a home, programs, and what of the repository documents speak of.
func (s *Session) furnish() error {
	bin := filepath.Join(s.o.Dir, ".home", "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return err
	}
	links := map[string]string{filepath.Join(bin, "sidecar"): s.o.Sidecar}
	for _, name := range []string{"README.md", "testdata", "charts"} {
		links[filepath.Join(s.o.Dir, name)] = filepath.Join(s.o.Root, name)
	}
	if s.o.NodeModules != "" {
		links[filepath.Join(s.o.Dir, "node_modules")] = s.o.NodeModules
	}
	for link, target := range links {
		if err := os.Symlink(target, link); err != nil {
			return err
		}
	}
	for name, path := range s.o.Tools {
		// Not a link: an interpreter finds its libraries beside its own path.
		script := "#!/bin/sh\nexec '" + path + "' \"$@\"\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			return err
		}
	}
	// What configurations name below /etc/hearth.
	etc := filepath.Join(s.o.Dir, ".home", "etc")
	if err := os.Mkdir(etc, 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"keys.yaml": "keys:\n  - {access_key: READERS, secret_key: at-least-eight-characters}\n", "admin-token": "a-token\n",
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	// An answer that is an error fails its block.
	return os.WriteFile(filepath.Join(s.o.Dir, ".home", ".curlrc"), []byte("fail-with-body\nmax-time = 60\n"), 0o600)
}

// program makes a command in the session's folder and environment, with a process group of its own.
func (s *Session) program(name string, args ...string) *exec.Cmd {
	home := filepath.Join(s.o.Dir, ".home")
	cmd := exec.Command(name, args...)
	cmd.Dir = s.o.Dir
	cmd.Env = []string{
		"HOME=" + home, "PATH=" + filepath.Join(home, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"), "LC_ALL=C.UTF-8",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PAGER=", "RUST_LOG=off",
		"NO_PROXY=*", "no_proxy=*", "HEARTH_ADMIN_TOKEN=",
	}
	if folder := os.Getenv("TMPDIR"); folder != "" {
		cmd.Env = append(cmd.Env, "TMPDIR="+folder)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// Run runs the blocks of a page in order, and returns how many ran.
func (s *Session) Run(ctx context.Context, page Page) (int, error) {
	ran := 0
	fresh := false // the last block that could have printed something ran
	for i, b := range page.Blocks {
		if isMore(b) {
			continue // part of an earlier block
		}
		var err error
		switch b.Mark {
		case "run", "config", "keys":
			fresh = true
			err = s.block(ctx, b, b.Code)
		case "serve":
			err = s.serve(ctx, b)
		case "e2e":
			if fresh = s.o.E2E; !fresh {
				continue
			}
			err = s.block(ctx, b, b.Code+rest(page.Blocks[i+1:], b.Language))
		case "output":
			if !fresh {
				continue
			}
			err = expect(b, s.shown.Replace(s.printed))
		default:
			continue
		}
		if err != nil {
			return ran, fmt.Errorf("%s: %w", b.Where(), err)
		}
		ran++
	}
	return ran, nil
}

func isMore(b Block) bool { return len(b.Words) > 0 && b.Words[0] == "more" }

// rest returns the code that continues a block.
func rest(blocks []Block, language string) string {
	code := ""
	for _, b := range blocks {
		if b.Language != language || b.Mark != "e2e" {
			continue
		}
		if !isMore(b) {
			break
		}
		code += b.Code
	}
	return code
}

// block runs one block to its end.
func (s *Session) block(ctx context.Context, b Block, code string) error {
	s.blocks++
	name := fmt.Sprintf(".block-%d", s.blocks)
	file, out := "./"+name, filepath.Join(s.o.Dir, name+".out")
	var line string
	switch b.Language {
	case "sh":
		line = ". " + file
	case "python":
		line = "python3 " + file
	case "js", "javascript":
		file += ".mjs"
		line = "node " + file
	case "yaml":
		code = strings.ReplaceAll(code, "/etc/hearth/", filepath.Join(s.o.Dir, ".home", "etc")+"/")
		line = "sidecar check-config --config " + file
		if b.Mark == "keys" {
			line = "chmod 600 " + file + " && sidecar check-config --keys-file " + file
		}
	default:
		return fmt.Errorf("nobody knows how to run %s", b.Language)
	}
	if err := os.WriteFile(filepath.Join(s.o.Dir, file), []byte(s.ports.Replace(code)), 0o600); err != nil {
		return fmt.Errorf("doctest: %w", err)
	}
	ended := s.tell(fmt.Sprintf("{ %s\n} >%s.out 2>%s.err 3>&- </dev/null\necho >&3\n", line, name, name))
	limit := time.NewTimer(blockTime)
	defer limit.Stop()
	var err error
	select {
	case err = <-ended:
	case <-limit.C:
		err = fmt.Errorf("it took longer than %s", blockTime)
	case <-ctx.Done():
		err = ctx.Err()
	}
	printed, readErr := os.ReadFile(out)
	s.printed = string(printed)
	if err = errors.Join(err, readErr); err != nil {
		said, _ := os.ReadFile(filepath.Join(s.o.Dir, name+".err")) // it may not be there
		return fmt.Errorf("%w\n%s\nit printed\n%s%s%s", err, code, printed, said, s.logs())
	}
	return nil
}

// tell gives the shell something to run, and sends when it has ended. A shell that ended did so because a command failed.
func (s *Session) tell(script string) <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := io.WriteString(s.in, script)
		if err == nil {
			_, err = s.done.ReadString('\n')
		}
		if err != nil {
			err = errors.New("a command failed")
		}
		ended <- err
	}()
	return ended
}

// Close ends the servers, which have to end well, and whatever else the session has begun.
func (s *Session) Close() error {
	var problems []error
	for _, v := range s.servers {
		if err := v.end(); err != nil {
			problems = append(problems, err)
		}
	}
	_ = s.in.Close()
	_ = syscall.Kill(-s.shell.Process.Pid, syscall.SIGKILL) // what still runs in the background
	_ = s.shell.Wait()                                      // says that it was killed
	_ = s.doneFile.Close()
	return errors.Join(problems...)
}
