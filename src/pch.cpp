// Carries the precompiled header for the rooms that reuse it.
#include "pch.hpp"
