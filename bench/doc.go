// Command bench measures Hearth beside other servers that do the same work.
//
//	go run ./bench hits
//
// hits asks how much of a processor a hit in the memory tier costs: ranged GETs of
// 4 KiB, 64 KiB and 1 MiB over a resident set, answered by
//
//	hearth         the real binary, built by this command, without authentication
//	hearth-sigv4   the same, each request signed and verified
//	nginx          its slice cache, warm, files on tmpfs
//	nginx-nopush   the same with tcp_nopush, which is better at some sizes and worse at others
//	chi            stock net/http with chi, writing equal bytes and headers
//	loop           a bare TCP loop in Go that parses nothing and writes what lies ready
//
// Each subject is a process of its own, pinned to one half of the processors; the load
// generator has the other half. A round gives every subject its turn, so that what
// disturbs the machine disturbs all of them, and ratios are taken within a round. The
// number that counts is requests per second of the subject's processor time (user and
// system, all its processes); wall-clock rates are not reported, because they measure
// the load generator as well.
//
// Nothing is trusted: before the measurement every byte of the set is read through each
// subject that serves it and compared, every response's status and length is checked
// while measuring, and a request that reaches the origin meanwhile fails the run.
//
// The command needs Linux: /proc, processor affinity and epoll.
package main
