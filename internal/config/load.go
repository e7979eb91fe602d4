package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// FileFlag is the flag that names the YAML file, and FileEnv its variable. They
// are no part of Config: a file cannot name itself.
const (
	FileFlag = "config"
	FileEnv  = EnvPrefix + "CONFIG"
)

// Input is what Load reads from. The zero value yields the defaults.
type Input struct {
	// Flags are parsed flags made by AddFlags; those that were set count.
	Flags *pflag.FlagSet
	// Environ has the form of os.Environ.
	Environ []string
	// Dir is what relative paths of files are relative to, in every layer; empty
	// leaves them as they are. A process that changes its working directory needs
	// it to load the same settings twice.
	Dir string
	// ReadFile reads the YAML file; nil means os.ReadFile.
	ReadFile func(name string) ([]byte, error)
}

// Layer is where a value can come from, weakest first.
type Layer string

// The layers.
const (
	FromDefault Layer = "default"
	FromFile    Layer = "file"
	FromEnv     Layer = "environment"
	FromFlag    Layer = "flag"
)

// A Source says where the value of a setting came from.
type Source struct {
	Layer Layer
	// Where is the flag, the variable, or file:line; empty for a default.
	Where string
}

// String returns the place, or "default".
func (s Source) String() string {
	if s.Where == "" {
		return string(s.Layer)
	}
	return s.Where
}

// Loaded is a Config with its history.
type Loaded struct {
	Config
	// File is the YAML file that was read; empty for none.
	File string
	// Warnings are one line each: things that are allowed and probably wrong.
	Warnings []string

	sources map[string]Source
}

// Source returns where the setting called name got its value.
func (l *Loaded) Source(name string) Source {
	if s, ok := l.sources[name]; ok {
		return s
	}
	return Source{Layer: FromDefault}
}

// layer is one source of settings, parsed but not merged.
type layer struct {
	values  map[string]any
	sources map[string]Source
}

func newLayer() layer { return layer{values: map[string]any{}, sources: map[string]Source{}} }

// Load merges the layers: flags over environment over file over defaults. The
// error joins every [Problem] found in any of them; values that parse are in the
// result even then. Load does not check that settings fit each other, see
// [Loaded.Validate].
func Load(in Input) (*Loaded, error) {
	var faults []error
	fields := Fields()
	loaded := &Loaded{sources: map[string]Source{}}

	flags := flagLayer(fields, in.Flags)
	env, warnings, err := envLayer(fields, in.Environ)
	loaded.Warnings = warnings
	faults = append(faults, err)
	loaded.File = fileName(in)
	file, err := fileLayer(loaded.File, in)
	faults = append(faults, err)

	k := koanf.New("/")
	for _, l := range []layer{defaultLayer(fields), file, env, flags} {
		if err := k.Load(confmap.Provider(l.values, ""), nil); err != nil {
			faults = append(faults, fmt.Errorf("config: merge: %w", err))
		}
		maps.Copy(loaded.sources, l.sources)
	}
	conf := koanf.UnmarshalConf{Tag: "name", FlatPaths: true}
	if err := k.UnmarshalWithConf("", &loaded.Config, conf); err != nil {
		faults = append(faults, fmt.Errorf("config: merge: %w", err))
	}
	v := reflect.ValueOf(&loaded.Config).Elem()
	for _, f := range fields {
		if f.File {
			v.Field(f.index).SetString(in.absolute(v.Field(f.index).String()))
		}
	}
	return loaded, errors.Join(faults...)
}

func (in Input) absolute(name string) string {
	if name == "" || in.Dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(in.Dir, name)
}

// Default returns the configuration that nothing was set in.
func Default() Config {
	l, err := Load(Input{})
	if err != nil {
		panic(fmt.Sprintf("config: a default in the tags of Config does not parse: %v", err))
	}
	return l.Config
}

func defaultLayer(fields []Field) layer {
	l := newLayer()
	for _, f := range fields {
		if f.Default == "" {
			continue
		}
		v, err := f.Parse(f.Default)
		if err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", f.Name, err))
		}
		l.values[f.Name] = v
	}
	return l
}

func fileName(in Input) string {
	if in.Flags != nil {
		if f := in.Flags.Lookup(FileFlag); f != nil && f.Changed {
			return f.Value.String()
		}
	}
	for _, kv := range in.Environ {
		if name, value, _ := strings.Cut(kv, "="); name == FileEnv {
			return value
		}
	}
	return ""
}

func fileLayer(name string, in Input) (layer, error) {
	l := newLayer()
	if name == "" {
		return l, nil
	}
	read := in.ReadFile
	if read == nil {
		read = os.ReadFile
	}
	text, err := read(in.absolute(name))
	if err != nil {
		return l, &Problem{Where: "--" + FileFlag, What: err.Error()}
	}
	var c Config
	err = decodeFile(name, text, &c, func(key string, line int) {
		l.sources[key] = Source{Layer: FromFile, Where: fmt.Sprintf("%s:%d", name, line)}
	})
	v := reflect.ValueOf(c)
	for _, f := range Fields() {
		if _, set := l.sources[f.Name]; set {
			l.values[f.Name] = v.Field(f.index).Interface()
		}
	}
	return l, err
}

// envLayer reads the variables of all settings. An unknown HEARTH_ variable is
// no fault: Kubernetes sets HEARTH_PORT and the like in every pod near a Service
// that is called hearth. One that resembles a setting is worth a warning.
func envLayer(fields []Field, environ []string) (layer, []string, error) {
	l, r := newLayer(), &report{}
	byEnv := map[string]Field{}
	for _, f := range fields {
		if !f.YAMLOnly() {
			byEnv[f.Env] = f
		}
	}
	names := slices.Sorted(maps.Keys(byEnv))
	var warnings []string
	for _, kv := range environ {
		name, text, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, EnvPrefix) || name == FileEnv {
			continue
		}
		f, ok := byEnv[name]
		if !ok {
			if near := nearest(name, names); near != "" && editDistance(near, name) <= 2 {
				warnings = append(warnings, fmt.Sprintf("%s is not a setting (did you mean %s?)", name, near))
			}
			continue
		}
		v, err := f.Parse(text)
		if err != nil {
			r.add(name, "%v", err)
			continue
		}
		l.values[f.Name] = v
		l.sources[f.Name] = Source{Layer: FromEnv, Where: name}
	}
	return l, warnings, r.err()
}
