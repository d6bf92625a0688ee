-- kong.plugins.log-serializers.basic: the serializer of old versions.
return { serialize = function() return kong.log.serialize() end }
