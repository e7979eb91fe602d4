package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// halves divides the processors that this process may use between servers and load
// generator. With one processor both get it.
func halves() (servers, clients unix.CPUSet, err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return servers, clients, fmt.Errorf("processor affinity: %w", err)
	}
	n, seen := all.Count(), 0
	for cpu := range len(all) * strconv.IntSize {
		if !all.IsSet(cpu) {
			continue
		}
		if seen < max(n/2, 1) {
			servers.Set(cpu)
		}
		if seen >= n/2 {
			clients.Set(cpu)
		}
		seen++
	}
	return servers, clients, nil
}

// pinSelf moves every thread of this process to cpus; threads begun later inherit it.
func pinSelf(cpus unix.CPUSet) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &cpus); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("processor affinity: %w", err)
		}
	}
	return nil
}

// A process is a server that was started for the measurement.
type process struct {
	cmd    *exec.Cmd
	output tail
	exited chan struct{} // closed after err was set
	err    error
}

// start runs a command pinned to cpus. It ends when stop is called or ctx ends.
func start(ctx context.Context, cpus unix.CPUSet, cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	// The servers must not outlive a harness that was killed, nor get its ^C.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := startPinned(cpus, cmd); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	context.AfterFunc(ctx, func() { _ = p.stop() })
	return p, nil
}

// startPinned starts cmd on a thread that has moved to cpus: a child inherits its
// thread's affinity.
func startPinned(cpus unix.CPUSet, cmd *exec.Cmd) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("processor affinity: %w", err)
	}
	if err := unix.SchedSetaffinity(0, &cpus); err != nil {
		return fmt.Errorf("processor affinity: %w", err)
	}
	err = cmd.Start()
	return errors.Join(err, unix.SchedSetaffinity(0, &before))
}

// stop ends the process and waits for it.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	return p.err
}

// await waits until the process accepts connections on addr.
func (p *process) await(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.exited:
			return fmt.Errorf("it ended: %w\n%s", p.err, p.output.String())
		case <-ctx.Done():
			return fmt.Errorf("it does not listen on %s: %w\n%s", addr, err, p.output.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// cpu returns the processor time, user and system, that the process and its children
// have used. The clock has the kernel's own resolution, where /proc/PID/stat counts in
// ticks of 10 ms.
func (p *process) cpu() (time.Duration, error) {
	pids, err := tree(p.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, pid := range pids {
		t, err := cpuTime(pid)
		if err != nil {
			return 0, err
		}
		total += t
	}
	return total, nil
}

// cpuTime reads the processor clock of a process, all its threads, ended ones too.
func cpuTime(pid int) (time.Duration, error) {
	// As clock_getcpuclockid has it: the complement of the pid above three bits, of
	// which 2 means scheduler time of the thread group.
	clock := int32(^pid<<3 | 2)
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("processor clock of %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// tree returns a process and its children, theirs too.
func tree(pid int) ([]int, error) {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pids[i], pids[i]))
		if err != nil {
			return nil, fmt.Errorf("children: %w", err)
		}
		for _, child := range strings.Fields(string(text)) {
			id, err := strconv.Atoi(child)
			if err != nil {
				return nil, err
			}
			pids = append(pids, id)
		}
	}
	return pids, nil
}

// freeAddr returns an address that was free a moment ago.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// A tail keeps the last of what a process prints.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
