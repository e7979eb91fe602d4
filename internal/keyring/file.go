package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFileBytes limits a keys file: room for thousands of keys with scopes.
const maxFileBytes = 4 << 20

// A fileKey is a key and the line where it begins.
type fileKey struct {
	Key
	line int
}

// readFile reads and checks a keys file, and warns if others can read it.
func readFile(path string, log *slog.Logger) (keys []fileKey, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("keyring: open keys file: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("keyring: keys file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		log.LogAttrs(context.Background(), slog.LevelWarn, "keys file can be read by others than its owner",
			slog.String("file", path), slog.String("mode", info.Mode().Perm().String()))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("keyring: read keys file: %w", err)
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrInvalid, path, maxFileBytes)
	}
	keys, err = parseFile(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s %w", ErrInvalid, path, err)
	}
	return keys, nil
}

// parseFile reads the text of a keys file. It walks the YAML tree itself: the
// decoder's own messages quote values, and a value may be a secret.
func parseFile(text []byte) ([]fileKey, error) {
	var doc, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, syntaxError(err)
	}
	switch err := d.Decode(&more); {
	case err == nil:
		return nil, lineError(more.Line, "the file: must hold one document")
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, lineError(1, "keys: missing")
	}
	var keys []fileKey
	seen := false
	err := eachField(doc.Content[0], "the file", func(name string, v *yaml.Node) error {
		if name != "keys" {
			return unknownField(v.Line, "the file", "keys")
		}
		seen = true
		return eachItem(v, "keys", func(field string, item *yaml.Node) error {
			k, err := parseKey(field, item)
			keys = append(keys, k)
			return err
		})
	})
	switch {
	case err != nil:
		return nil, err
	case !seen:
		return nil, lineError(1, "keys: missing")
	case len(keys) == 0:
		return nil, lineError(doc.Content[0].Line, "keys: must hold at least one key")
	}
	return keys, nil
}

func parseKey(field string, node *yaml.Node) (fileKey, error) {
	k := fileKey{line: node.Line}
	scopes := false
	err := eachField(node, field, func(name string, v *yaml.Node) error {
		at := field + "." + name
		switch name {
		case "access_key":
			k.line = v.Line
			return scalar(v, at, func(s string) *fieldError {
				k.AccessKey = s
				return validateAccessKey(s)
			})
		case "secret_key":
			return scalar(v, at, func(s string) *fieldError {
				k.Secret = Secret(s)
				return validateSecret(s)
			})
		case "scopes":
			scopes = true
			return eachItem(v, at, func(at string, item *yaml.Node) error {
				s, err := parseScope(at, item)
				k.Scopes = append(k.Scopes, s)
				return err
			})
		default:
			return unknownField(v.Line, field, "access_key, secret_key and scopes")
		}
	})
	switch {
	case err != nil:
		return k, err
	case k.AccessKey == "":
		return k, lineError(node.Line, field+".access_key: missing")
	case k.Secret == "":
		return k, lineError(node.Line, field+".secret_key: missing")
	case scopes && len(k.Scopes) == 0:
		// Read as "everything" it would give most to a key meant to get nothing.
		return k, lineError(node.Line, field+".scopes: is empty; leave it out to allow everything")
	}
	return k, nil
}

func parseScope(field string, node *yaml.Node) (Scope, error) {
	var s Scope
	err := eachField(node, field, func(name string, v *yaml.Node) error {
		at := field + "." + name
		switch name {
		case "bucket":
			return scalar(v, at, func(text string) *fieldError { s.Bucket = text; return nil })
		case "prefix":
			return scalar(v, at, func(text string) *fieldError { s.Prefix = text; return nil })
		case "access":
			return scalar(v, at, func(text string) *fieldError {
				access, err := ParseAccess(text)
				if err != nil {
					return &fieldError{"access", err}
				}
				s.Access = access
				return nil
			})
		default:
			return unknownField(v.Line, field, "bucket, prefix and access")
		}
	})
	if err != nil {
		return s, err
	}
	if err := s.validate(); err != nil {
		return s, lineError(node.Line, field+"."+err.Error())
	}
	return s, nil
}

// eachField calls fn for every field of a mapping, each of which may occur once.
func eachField(node *yaml.Node, field string, fn func(name string, value *yaml.Node) error) error {
	if node.Kind != yaml.MappingNode {
		return lineError(node.Line, field+": must be a mapping of names to values")
	}
	seen := make(map[string]bool, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i]
		if name.Kind != yaml.ScalarNode || seen[name.Value] {
			return lineError(name.Line, field+": holds a field twice, or one without a name")
		}
		seen[name.Value] = true
		if err := fn(name.Value, node.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func eachItem(node *yaml.Node, field string, fn func(field string, item *yaml.Node) error) error {
	if node.Kind != yaml.SequenceNode {
		return lineError(node.Line, field+": must be a list")
	}
	for i, item := range node.Content {
		if err := fn(field+"["+strconv.Itoa(i)+"]", item); err != nil {
			return err
		}
	}
	return nil
}

// scalar hands the text of a plain value to set. Numbers and the like are taken as
// they are written; aliases are refused, like everything that is not one value.
func scalar(node *yaml.Node, field string, set func(string) *fieldError) error {
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" {
		return lineError(node.Line, field+": must be a text")
	}
	if err := set(node.Value); err != nil {
		return lineError(node.Line, field+": "+err.err.Error())
	}
	return nil
}

// unknownField does not quote the name it found: in a file with a slipped
// indentation or a missing name, a secret may stand where a name belongs.
func unknownField(line int, field, known string) error {
	return lineError(line, field+": holds an unknown field; known are "+known)
}

func lineError(line int, message string) error {
	return fmt.Errorf("line %d: %s", line, message)
}

// syntaxError keeps of a YAML error only the line: its text may quote the file.
func syntaxError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		number, _, _ := strings.Cut(rest, ":")
		if line, err := strconv.Atoi(number); err == nil {
			return lineError(line, "is not valid YAML")
		}
	}
	return errors.New("is not valid YAML")
}
