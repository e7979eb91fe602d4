package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A load is a set of keep-alive connections to one server, driven by one thread: each
// connection sends its next request when the answer to the last is complete. It works on
// bare sockets and epoll, and lets the kernel throw bodies away without copying them
// (MSG_TRUNC), so that it keeps ahead of the server with half of the processors.
type load struct {
	epoll    int
	conns    []*conn
	requests [][]byte
	want     int64 // length of every body
	next     int   // request to send next
}

type conn struct {
	fd   int
	sent time.Time
	head []byte // what was read of the answer's head, and what came with it
	left int64  // of the body; -1 while the head is not complete
}

// maxHead is larger than any head that a subject sends, and than a body of 4 KiB on top.
const maxHead = 8 << 10

// dial connects n times. The thread must be locked by the caller for as long as it uses
// the load.
func dial(addr string, n int, requests [][]byte, want int64) (_ *load, err error) {
	l := &load{requests: requests, want: want}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	tcp, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return nil, err
	}
	to := &unix.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())}
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("socket: %w", err)
		}
		c := &conn{fd: fd, head: make([]byte, 0, maxHead)}
		l.conns = append(l.conns, c)
		if err := unix.Connect(fd, to); err != nil {
			return nil, fmt.Errorf("connect to %s: %w", addr, err)
		}
		if err := unix.SetNonblock(fd, true); err != nil {
			return nil, err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return nil, err
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(l.conns) - 1)}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return nil, fmt.Errorf("epoll: %w", err)
		}
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.conns {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(l.epoll)
}

// stall is how long no connection may make progress.
const stall = 10 * time.Second

// run sends total requests and waits for their answers. It appends the time that each
// took to latencies.
func (l *load) run(total int, latencies []time.Duration) ([]time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sent, done := 0, 0
	for _, c := range l.conns {
		if sent == total {
			break
		}
		if err := l.send(c); err != nil {
			return latencies, err
		}
		sent++
	}
	events := make([]unix.EpollEvent, len(l.conns))
	for done < total {
		n, err := unix.EpollWait(l.epoll, events, int(stall.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return latencies, fmt.Errorf("epoll: %w", err)
		case n == 0:
			return latencies, fmt.Errorf("no answer in %s, %d of %d answered", stall, done, total)
		}
		for _, event := range events[:n] {
			c := l.conns[event.Fd]
			complete, err := l.receive(c)
			if err != nil {
				return latencies, err
			}
			if !complete {
				continue
			}
			latencies = append(latencies, time.Since(c.sent))
			done++
			if sent < total {
				if err := l.send(c); err != nil {
					return latencies, err
				}
				sent++
			}
		}
	}
	return latencies, nil
}

func (l *load) send(c *conn) error {
	request := l.requests[l.next%len(l.requests)]
	l.next++
	c.head, c.left, c.sent = c.head[:0], -1, time.Now()
	n, err := unix.Write(c.fd, request)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if n != len(request) {
		return fmt.Errorf("wrote %d of the %d bytes of a request", n, len(request))
	}
	return nil
}

// receive takes what has arrived on c and reports whether the answer is complete.
func (l *load) receive(c *conn) (complete bool, err error) {
	if c.left > 0 {
		n, err := discard(c.fd, c.left)
		if err != nil {
			return false, err
		}
		c.left -= n
		return c.left == 0, nil
	}
	n, err := unix.Read(c.fd, c.head[len(c.head):cap(c.head)])
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read: %w", err)
	case n == 0:
		return false, errors.New("the server closed a connection")
	}
	c.head = c.head[:len(c.head)+n]
	length, size, err := parseHead(c.head)
	if err != nil || size == 0 {
		return false, err
	}
	if length != l.want {
		return false, fmt.Errorf("an answer of %d bytes, want %d", length, l.want)
	}
	if c.left = length - int64(len(c.head)-size); c.left < 0 {
		return false, fmt.Errorf("%d bytes more than the answer has", -c.left)
	}
	return c.left == 0, nil
}

// discard throws away at most n bytes of a socket without copying them.
func discard(fd int, n int64) (int64, error) {
	got, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), 0, uintptr(n), unix.MSG_TRUNC, 0, 0)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return 0, nil
	case errno != 0:
		return 0, fmt.Errorf("read: %w", errno)
	case got == 0:
		return 0, errors.New("the server closed a connection within a body")
	}
	return int64(got), nil
}

var (
	partialContent = []byte("HTTP/1.1 206 ")
	endOfHead      = []byte("\r\n\r\n")
	contentLength  = []byte("\r\nContent-Length: ")
)

// parseHead returns the body's length and the head's size, 0 if the head is not complete.
// Anything but a 206 is an error.
func parseHead(b []byte) (length int64, size int, err error) {
	end := bytes.Index(b, endOfHead)
	if end < 0 {
		if len(b) >= maxHead {
			return 0, 0, errors.New("an answer's head is too long")
		}
		return 0, 0, nil
	}
	head := b[:end+2]
	if !bytes.HasPrefix(head, partialContent) {
		return 0, 0, fmt.Errorf("an answer that is no 206: %q", head)
	}
	at := bytes.Index(head, contentLength)
	if at < 0 {
		return 0, 0, fmt.Errorf("an answer without a length: %q", head)
	}
	value := head[at+len(contentLength):]
	value = value[:bytes.IndexByte(value, '\r')]
	length, err = strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("an answer's length: %w", err)
	}
	return length, end + len(endOfHead), nil
}
