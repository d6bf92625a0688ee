package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gibbon-gateway/gibbon/control/declarative"
	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

// loadEntities reads the declarative configuration into the store. On error
// the store keeps what it had.
func (n *node) loadEntities() error {
	c, err := n.catalog.declarative(n.conf)
	if err != nil {
		return err
	}
	for _, w := range c.Warnings {
		n.log.Warnf("declarative configuration: %s", w)
	}
	return n.store.ReplaceAll(context.Background(), c.Set)
}

// declarative reads what the settings name; without a file it is empty.
func (k *catalog) declarative(c *conf.Config) (*declarative.Config, error) {
	d := &c.Datastore
	text := []byte(d.DeclarativeConfigString)
	switch {
	case d.Database != "off":
		return nil, fmt.Errorf("database: %q is not supported yet; set database = off and name a declarative_config", d.Database)
	case len(text) > 0:
	case d.DeclarativeConfig != "":
		b, err := os.ReadFile(d.DeclarativeConfig)
		if err != nil {
			return nil, fmt.Errorf("declarative_config: %w", err)
		}
		text = b
	default:
		return &declarative.Config{Set: dao.Set{}}, nil
	}
	return k.read(text, d.DeclarativeConfig)
}

// read checks a declarative document.
func (k *catalog) read(text []byte, name string) (*declarative.Config, error) {
	c, err := declarative.Load(text, declarative.Options{Schemas: k.schemas()})
	var bad *declarative.Error
	if errors.As(err, &bad) {
		return nil, fmt.Errorf("error parsing declarative config file %s:\n%w", name, bad)
	}
	return c, err
}

// Check reads the declarative configuration that c names, as a start would, and
// says what is wrong with it. It opens no listener.
func Check(c *conf.Config) error {
	k, err := loadCatalog(c, nil)
	if err != nil {
		return err
	}
	defer k.close()
	if c.Datastore.Database != "off" {
		return nil
	}
	_, err = k.declarative(c)
	return err
}

// CheckFile reads a declarative file, YAML or JSON, with the plugins and
// settings of c, and says what is wrong with it, a line a problem.
func CheckFile(c *conf.Config, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	k, err := loadCatalog(c, nil)
	if err != nil {
		return err
	}
	defer k.close()
	_, err = k.read(text, file)
	return err
}
