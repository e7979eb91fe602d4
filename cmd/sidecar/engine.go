package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hearthcache/hearth/indexcache"
	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/proxy/objectstore"
	"github.com/hearthcache/hearth/warm"
)

var (
	_ lsm.DatasetCache     = (*indexcache.Cache)(nil)
	_ lsm.GenerationWarmer = generationWarmer{}
)

// engineOn says whether this process answers queries on tables.
func (s *settings) engineOn() bool { return s.AdminListen != "" && s.Engine.Or(true) }

// openEngine makes the engine, if it is on: it reads through the object service as clients of the S3 listener do.
func (v *server) openEngine() (err error) {
	s := v.settings
	if !s.engineOn() {
		return nil
	}
	if err := v.openWriters(); err != nil {
		return err
	}
	o := engine.Options{
		Datasets: v.indexes, Writers: v.writers, Tables: s.EngineTables, Concurrency: s.EngineConcurrency, Timeout: s.EngineTimeout, MaxK: s.EngineMaxK,
		Logger: v.log, Registerer: v.registry,
	}
	if s.WarmOnOpen.Or(true) {
		o.Warmer = generationWarmer{v.warmer}
	}
	v.engine, err = engine.New(objectstore.New(v.objects), o)
	return err
}

// openWriters makes what writes to tables, if that is on: its objects go the way of a client's.
func (v *server) openWriters() (err error) {
	s := v.settings
	if !s.EngineWrite.Or(false) {
		return nil
	}
	o := engine.WriteOptions{
		Tables: s.EngineWriteTables, MemoryBytes: int64(s.EngineWriteMemory), Idle: s.EngineWriteIdle,
		Shard: shard.Options{
			MaxRows: int64(s.EngineFlushRows), MaxBytes: int64(s.EngineFlushBytes), MaxAge: s.EngineFlushAge,
			MemoryBytes: int64(s.EngineWriteMemory),
		},
		Logger: v.log, Registerer: v.registry,
	}
	if s.EngineWarmTimeout > 0 {
		o.Shard.Warm, o.Shard.WarmTimeout = flushWarmer{v.warmer, s.EngineWarmTimeout}.Warm, s.EngineWarmTimeout
	}
	v.writers, err = engine.NewWriters(objectstore.NewWriter(v.objects), o)
	return err
}

// flushWarmer makes generations warm that are about to be published.
type flushWarmer struct {
	warmer  *warm.Warmer
	timeout time.Duration
}

// Warm makes the generation in a folder warm, and waits for it. What is learned of it before it is published is confirmed
// with one listing afterwards.
func (f flushWarmer) Warm(ctx context.Context, folder string) error {
	p, err := warm.ParsePath("s3://" + folder + "/")
	if err != nil {
		return err
	}
	answer, err := f.warmer.Warm(ctx, warm.Request{Path: p, Wait: f.timeout, Deadline: f.timeout, Priority: warm.PriorityHigh})
	if errors.Is(err, warm.ErrClosed) {
		return nil // the cache ends with this process
	}
	if err == nil && answer.State != warm.Warm {
		err = fmt.Errorf("sidecar: generation %s is %s before it is published", folder, answer.State)
	}
	return err
}

// generationWarmer asks for the generations that the engine comes upon. Most are warm by then; what is not is fetched
// beside the query, after what queries wait for.
type generationWarmer struct{ warmer *warm.Warmer }

// Warm implements lsm.GenerationWarmer.
func (g generationWarmer) Warm(ctx context.Context, path string) error {
	p, err := warm.ParsePath("s3://" + strings.TrimSuffix(path, "/") + "/")
	if err != nil {
		return err
	}
	_, err = g.warmer.Warm(ctx, warm.Request{Path: p, Priority: warm.PriorityLow})
	return err
}
