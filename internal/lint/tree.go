package lint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxFileBytes keeps test data out of the text rules.
const maxFileBytes = 1 << 20

// Packages lists the packages of the module at root, with every build tag that
// the module uses, as the go command sees them.
func Packages(ctx context.Context, root string, tags string) ([]Package, error) {
	out, err := output(ctx, root, "go", "list", "-e", "-tags="+tags, "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	if err != nil {
		return nil, err
	}
	var packages []Package
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("lint: go list: %w", err)
		}
		name, ok := strings.CutPrefix(p.ImportPath, Module+"/")
		if !ok {
			name = "."
		}
		packages = append(packages, Package{Path: name, Imports: p.Imports, TestImports: append(p.TestImports, p.XTestImports...)})
	}
}

// Files reads the tracked files below root, without the large ones. Outside a
// git checkout it takes every file.
func Files(ctx context.Context, root string) ([]File, error) {
	names, err := tracked(ctx, root)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted and not committed yet
		}
		if err != nil {
			return nil, fmt.Errorf("lint: %w", err)
		}
		f := File{Name: filepath.ToSlash(name)}
		if info.Mode().IsRegular() && info.Size() <= maxFileBytes {
			if f.Text, err = os.ReadFile(filepath.Join(root, name)); err != nil {
				return nil, fmt.Errorf("lint: %w", err)
			}
		}
		files = append(files, f)
	}
	return files, nil
}

func tracked(ctx context.Context, root string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		out, err := output(ctx, root, "git", "ls-files", "-z")
		if err != nil {
			return nil, err
		}
		return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
	}
	var names []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			relative, _ := filepath.Rel(root, name)
			names = append(names, relative)
		}
		return err
	})
	return names, err
}

func output(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("lint: %s %s: %w: %s", name, args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
