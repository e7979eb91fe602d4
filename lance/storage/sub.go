package storage

import (
	"context"
	"path"
	"strings"
)

// Sub returns a Store whose root is the folder of s. A folder of "" is s itself. Objects keep the path they have in s, so
// that messages name the whole path.
func Sub(s Store, folder string) (Store, error) {
	if err := CheckPath(folder); err != nil {
		return nil, err
	}
	if folder == "" {
		return s, nil
	}
	if parent, ok := s.(*sub); ok {
		return &sub{store: parent.store, folder: path.Join(parent.folder, folder)}, nil
	}
	return &sub{store: s, folder: folder}, nil
}

type sub struct {
	store  Store
	folder string
}

func (s *sub) Open(ctx context.Context, name string) (Object, error) {
	if err := CheckPath(name); err != nil {
		return nil, err
	}
	return s.store.Open(ctx, path.Join(s.folder, name))
}

func (s *sub) OpenSized(ctx context.Context, name string, size int64) (Object, error) {
	if err := CheckPath(name); err != nil {
		return nil, err
	}
	return OpenSized(ctx, s.store, path.Join(s.folder, name), size)
}

func (s *sub) List(ctx context.Context, folder string) ([]Entry, error) {
	if err := CheckPath(folder); err != nil {
		return nil, err
	}
	entries, err := s.store.List(ctx, path.Join(s.folder, folder))
	if err != nil {
		return nil, err
	}
	out := make([]Entry, len(entries))
	for i, e := range entries {
		e.Path = strings.TrimPrefix(e.Path, s.folder+"/")
		out[i] = e
	}
	return out, nil
}
