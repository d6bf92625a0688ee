package gateway

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
)

type luaPlugins interface {
	Load(name string) (*plugin.Plugin, error)
	Close()
}

type noLua struct{}

func (noLua) Load(name string) (*plugin.Plugin, error) { return nil, errors.New("no lua yet") }
func (noLua) Close()                                    {}

func newLuaRuntime(c *conf.Config, l *log.Logger) (luaPlugins, error) { return noLua{}, nil }
