package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// The subjects, in the order of a round.
const (
	subjectHearth = "hearth"
	subjectSigned = "hearth-sigv4"
	subjectNginx  = "nginx"
	subjectCorked = "nginx-nopush"
	subjectChi    = "chi"
	subjectLoop   = "loop"
)

var subjectNames = []string{subjectHearth, subjectSigned, subjectNginx, subjectCorked, subjectChi, subjectLoop}

// A subject is a server under measurement.
type subject struct {
	name   string
	signed bool // its requests must be
	serves bool // what was asked for, rather than anything of the right length
	// of returns the process that answers requests of n bytes, and where.
	of func(n int64) (*process, string)
	// all are its processes.
	all []*process
}

// A stage is what subjects need to start.
type stage struct {
	options options
	scratch string // on tmpfs
	cpus    unix.CPUSet
	origin  *origin
	data    *dataset
	sidecar string // the binary
	self    string // this program
}

// start starts the subject of that name and waits until it listens.
func (s *stage) start(ctx context.Context, name string) (*subject, error) {
	switch name {
	case subjectHearth, subjectSigned:
		return s.startHearth(ctx, name)
	case subjectNginx, subjectCorked:
		return s.startNginx(ctx, name)
	case subjectChi:
		return s.startOne(ctx, &subject{name: name, serves: true}, func(addr string) *exec.Cmd {
			return exec.CommandContext(ctx, s.self, "serve", "chi", addr, s.data.path)
		})
	case subjectLoop:
		return s.startLoop(ctx)
	}
	return nil, fmt.Errorf("there is no subject %q", name)
}

// startOne starts a subject that is one process on one address.
func (s *stage) startOne(ctx context.Context, x *subject, command func(addr string) *exec.Cmd) (*subject, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p, err := start(ctx, s.cpus, command(addr))
	if err != nil {
		return nil, err
	}
	x.all = append(x.all, p)
	x.of = func(int64) (*process, string) { return p, addr }
	if err := p.await(ctx, addr); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return x, nil
}

// startLoop starts one loop per size: it parses no request, so it cannot be told.
func (s *stage) startLoop(ctx context.Context) (*subject, error) {
	type place struct {
		p    *process
		addr string
	}
	places := map[int64]place{}
	x := &subject{name: subjectLoop}
	for _, n := range s.options.sizes {
		one, err := s.startOne(ctx, &subject{}, func(addr string) *exec.Cmd {
			return exec.CommandContext(ctx, s.self, "serve", "loop", addr, s.data.path, strconv.FormatInt(n, 10))
		})
		if err != nil {
			return nil, err
		}
		p, addr := one.of(n)
		places[n] = place{p, addr}
		x.all = append(x.all, p)
	}
	x.of = func(n int64) (*process, string) { return places[n].p, places[n].addr }
	return x, nil
}

func (s *stage) startHearth(ctx context.Context, name string) (*subject, error) {
	signed := name == subjectSigned
	return s.startOne(ctx, &subject{name: name, signed: signed, serves: true}, func(addr string) *exec.Cmd {
		args := []string{
			"serve", "--listen", addr, "--admin-listen", "", "--ops-listen", "",
			"--origin", "http://" + s.origin.addr, "--origin-region", region,
			"--memory", strconv.FormatInt(4*s.options.set, 10), "--log-level", "warn",
		}
		if signed {
			args = append(args, "--access-key", accessKey, "--secret-key", secretKey)
		} else {
			args = append(args, "--auth", "none")
		}
		cmd := exec.CommandContext(ctx, s.sidecar, args...)
		cmd.Dir = s.scratch
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=origin", "AWS_SECRET_ACCESS_KEY=origin", "AWS_EC2_METADATA_DISABLED=true")
		return cmd
	})
}

// nginxConfig caches slices of 1 MiB, as the documentation of its slice module does, so
// that every range measured is a part of one file. Files stay open, nothing is logged.
// tcp_nopush is measured both ways: off is the default; on saves a segment, but an answer of
// 64 KiB then ends in one that waits 40 ms for the client's delayed acknowledgement.
const nginxConfig = `
daemon off;
worker_processes %[1]d;
pid %[2]s/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush %[7]s;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_body_temp_path %[2]s/body;
  proxy_temp_path %[2]s/proxy;
  fastcgi_temp_path %[2]s/fastcgi;
  uwsgi_temp_path %[2]s/uwsgi;
  scgi_temp_path %[2]s/scgi;
  proxy_cache_path %[2]s/cache levels=1:2 keys_zone=pages:64m max_size=%[3]d inactive=1d use_temp_path=off;
  open_file_cache max=100000 inactive=1d;
  open_file_cache_valid 1h;
  upstream origin { server %[4]s; keepalive 32; }
  server {
    listen %[5]s;
    location / {
      slice %[6]s;
      proxy_cache pages;
      proxy_cache_key $uri$slice_range;
      proxy_cache_valid 200 206 1d;
      proxy_cache_lock on;
      proxy_set_header Range $slice_range;
      proxy_set_header Connection "";
      proxy_http_version 1.1;
      proxy_pass http://origin;
    }
  }
}
`

func (s *stage) startNginx(ctx context.Context, name string) (*subject, error) {
	dir, nopush := filepath.Join(s.scratch, name), "off"
	if name == subjectCorked {
		nopush = "on"
	}
	if err := os.MkdirAll(filepath.Join(dir, "cache"), 0o777); err != nil {
		return nil, err
	}
	// Workers of an nginx that root starts run as somebody else.
	for _, d := range []string{s.scratch, dir, filepath.Join(dir, "cache")} {
		if err := os.Chmod(d, 0o777); err != nil {
			return nil, err
		}
	}
	return s.startOne(ctx, &subject{name: name, serves: true}, func(addr string) *exec.Cmd {
		config := filepath.Join(dir, "nginx.conf")
		text := fmt.Sprintf(nginxConfig, s.options.workers, dir, 4*s.options.set, s.origin.addr, addr, s.options.slice, nopush)
		_ = os.WriteFile(config, []byte(text), 0o666) // on an error nginx will say that there is no such file
		return exec.CommandContext(ctx, s.options.nginx, "-p", dir, "-c", config)
	})
}

// warm reads the whole set through x, in pieces of 1 MiB, and compares it.
func (s *stage) warm(ctx context.Context, x *subject) error {
	const piece = 1 << 20
	_, addr := x.of(piece)
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	r := bufio.NewReaderSize(c, 64<<10)
	body := make([]byte, piece)
	spans := s.data.sequence(piece)
	for i, request := range s.data.requests(addr, spans, x.signed) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := c.Write(request); err != nil {
			return err
		}
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		_, err = io.ReadFull(response.Body, body)
		switch want := s.data.at(spans[i]); {
		case response.StatusCode != http.StatusPartialContent:
			return fmt.Errorf("%s to %v: %q", response.Status, spans[i], body[:min(200, len(body))])
		case err != nil || response.ContentLength != piece:
			return fmt.Errorf("a body of %d bytes to %v: %w", response.ContentLength, spans[i], err)
		case !bytes.Equal(body, want):
			return fmt.Errorf("other bytes than the origin's at %v", spans[i])
		}
	}
	return nil
}
