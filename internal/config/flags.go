package config

import (
	"github.com/spf13/pflag"
)

// AddFlags defines a flag for every setting that can have one, and --config.
// A value is parsed when the flag is, so that a bad one is a usage error.
func AddFlags(fs *pflag.FlagSet) {
	fs.String(FileFlag, "", "YAML file with the same names as the flags ["+FileEnv+"]")
	for _, f := range Fields() {
		if f.YAMLOnly() {
			continue
		}
		fs.Var(&flagValue{field: f, text: f.Default}, f.Name, f.Help+" ["+f.Env+"]")
		if f.Kind == KindToggle {
			fs.Lookup(f.Name).NoOptDefVal = string(On)
		}
	}
}

// flagValue implements pflag.Value for any kind.
type flagValue struct {
	field Field
	text  string
	value any
}

func (v *flagValue) Set(text string) error {
	parsed, err := v.field.Parse(text)
	if err != nil {
		return err
	}
	v.text, v.value = text, parsed
	return nil
}

func (v *flagValue) String() string { return v.text }
func (v *flagValue) Type() string   { return string(v.field.Kind) }

func flagLayer(fields []Field, fs *pflag.FlagSet) layer {
	l := newLayer()
	if fs == nil {
		return l
	}
	for _, f := range fields {
		flag := fs.Lookup(f.Name)
		if flag == nil || !flag.Changed {
			continue
		}
		v, ok := flag.Value.(*flagValue)
		if !ok {
			continue // the caller's own flag of that name
		}
		l.values[f.Name] = v.value
		l.sources[f.Name] = Source{Layer: FromFlag, Where: "--" + f.Name}
	}
	return l
}
