#pragma once
#include <ATen/ATen.h>
#include <map>
#include <string>
#include <vector>
