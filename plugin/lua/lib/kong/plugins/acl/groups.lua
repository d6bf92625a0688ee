-- kong.plugins.acl.groups: the groups of consumers, for plugins that look at them as the acl plugin does
local M = {}

local function of(consumer_id)
  local rows = {}
  for row, err in kong.db.acls:each_for_consumer({ id = consumer_id }) do
    if not row then return nil, err end
    rows[#rows + 1] = row.group
  end
  return rows
end

local function by_name(list)
  local set = {}
  for i, name in ipairs(list) do set[i], set[name] = name, name end
  return set
end

-- get_consumer_groups(id): a list that has its names as keys too; nil without groups
function M.get_consumer_groups(consumer_id)
  if not consumer_id or not kong.db.acls then return nil end
  local list, err = kong.cache:get(kong.db.acls:cache_key(consumer_id), nil, of, consumer_id)
  if err then return nil, err end
  if not list or #list == 0 then return nil end
  return by_name(list)
end

function M.get_authenticated_groups()
  local groups = kong.ctx.shared.authenticated_groups
  if type(groups) ~= "table" then return nil end
  return by_name(groups)
end

function M.get_current_consumer_id()
  local c = kong.client.get_consumer() or kong.client.get_credential()
  return c and (c.consumer and c.consumer.id or c.consumer_id or c.id)
end

function M.consumer_in_groups(wanted, groups)
  for _, name in ipairs(wanted) do if groups[name] then return true end end
  return false
end

function M.group_in_groups(wanted, group)
  for _, name in ipairs(wanted) do if name == group then return true end end
  return false
end

return M
