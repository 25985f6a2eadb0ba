// Renders one of the sample pictures: a product on a backdrop, ray-marched from distance functions.
//
//   render KIND WIDTH HEIGHT HUE STYLE SEED > rgb       (3 bytes a pixel, rows from the top)
//
// KIND: mug vase bottle lamp phone camera ring gift headphones fruit, or "shelf" (a row of all).
// STYLE: 0 product shot (white studio), 1 review photo (wooden table, evening light), 2 banner.
// The same arguments give the same picture. render.py knows the whole catalogue.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct vec {
  double x = 0, y = 0, z = 0;
};
vec operator+(vec a, vec b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
vec operator-(vec a, vec b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
vec operator*(vec a, double s) { return {a.x * s, a.y * s, a.z * s}; }
vec operator*(vec a, vec b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
double dot(vec a, vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
vec cross(vec a, vec b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
double length(vec a) { return std::sqrt(dot(a, a)); }
vec normalize(vec a) { return a * (1 / length(a)); }
double mix(double a, double b, double t) { return a + (b - a) * t; }
vec mix(vec a, vec b, double t) { return a + (b - a) * t; }
double smoothstep(double a, double b, double x) {
  const double t = std::clamp((x - a) / (b - a), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}
vec turn_y(vec p, double a) {
  const double c = std::cos(a), s = std::sin(a);
  return {c * p.x + s * p.z, p.y, c * p.z - s * p.x};
}
vec turn_x(vec p, double a) {
  const double c = std::cos(a), s = std::sin(a);
  return {p.x, c * p.y - s * p.z, s * p.y + c * p.z};
}
vec turn_z(vec p, double a) {
  const double c = std::cos(a), s = std::sin(a);
  return {c * p.x - s * p.y, s * p.x + c * p.y, p.z};
}

// Deterministic numbers in [0, 1).
struct dice {
  std::uint64_t state;
  double operator()() {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state >> 40) / static_cast<double>(1ULL << 24);
  }
};

vec from_hsv(double h, double s, double v) {
  const auto channel = [&](double n) {
    const double k = std::fmod(n + h * 6, 6.0);
    return v - v * s * std::clamp(std::min(k, 4 - k), 0.0, 1.0);
  };
  return {channel(5), channel(3), channel(1)};
}

// Distance functions; y is up, the table is y = 0.
double sphere(vec p, double r) { return length(p) - r; }
double box(vec p, vec b, double r) {
  const vec q{std::abs(p.x) - b.x + r, std::abs(p.y) - b.y + r, std::abs(p.z) - b.z + r};
  return length({std::max(q.x, 0.0), std::max(q.y, 0.0), std::max(q.z, 0.0)}) +
         std::min(std::max({q.x, q.y, q.z}), 0.0) - r;
}
// Upright, centred, rounded.
double cylinder(vec p, double radius, double half, double r) {
  const double dx = std::hypot(p.x, p.z) - radius + r, dy = std::abs(p.y) - half + r;
  return std::min(std::max(dx, dy), 0.0) + std::hypot(std::max(dx, 0.0), std::max(dy, 0.0)) - r;
}
// In the plane z = 0.
double torus(vec p, double big, double small) {
  return std::hypot(std::hypot(p.x, p.y) - big, p.z) - small;
}
double blend(double a, double b, double k) {
  const double h = std::max(k - std::abs(a - b), 0.0) / k;
  return std::min(a, b) - h * h * k / 4;
}

struct surface {
  vec color;
  double gloss = 0.3;
  double metal = 0;
};
struct hit {
  double distance = 1e9;
  surface look;
  void add(double d, const surface& s) {
    if (d < distance) *this = {d, s};
  }
};

struct look_of {
  vec main, second, dark;
  double variant;  // 0 to 1, changes shapes a little
};

hit mug(vec p, const look_of& k) {
  hit h;
  const double height = mix(0.42, 0.55, k.variant);
  const vec q = p - vec{0, height, 0};
  double body =
      std::max(cylinder(q, 0.46, height, 0.06), -cylinder(q - vec{0, 0.12, 0}, 0.39, height, 0.04));
  const double handle =
      std::max(torus(p - vec{0.52, height, 0}, 0.24, 0.055), 0.44 - std::hypot(p.x, p.z));
  body = blend(body, handle, 0.06);
  const bool stripe = std::abs(p.y - height * 1.25) < 0.09 || std::abs(p.y - height * 0.7) < 0.03;
  h.add(body * 0.9, {stripe ? k.second : k.main, 0.5, 0});
  h.add(cylinder(p - vec{0, height * 1.45, 0}, 0.39, 0.02, 0), {{0.13, 0.06, 0.03}, 0.7, 0});
  return h;
}

hit vase(vec p, const look_of& k) {
  hit h;
  const double y = p.y;
  const double r =
      0.26 +
      0.22 * std::sin(std::clamp(y, 0.0, 1.5) * (2.2 + k.variant) + 0.35) * std::exp(-0.35 * y) +
      0.05 * smoothstep(1.2, 1.5, y);
  const double radial = std::hypot(p.x, p.z);
  double d = std::max(std::abs(radial - r) - 0.03, std::max(y - 1.5, 0.02 - y));
  d = std::min(d, cylinder(p - vec{0, 0.04, 0}, 0.3, 0.04, 0.03));
  const double angle = std::atan2(p.z, p.x);
  const double wave = std::sin(angle * 8 + std::sin(y * 9) * 1.5) * std::sin(y * 12);
  const bool ring = std::abs(y - 1.32) < 0.03 || std::abs(y - 0.2) < 0.03;
  h.add(d * 0.55, {ring || (wave > 0.45 && y > 0.3 && y < 1.2) ? k.second : k.main, 0.7, 0});
  return h;
}

hit bottle(vec p, const look_of& k) {
  hit h;
  const double y = p.y;
  const double r = mix(0.34, 0.12, smoothstep(0.85, 1.2, y + 0.1 * k.variant));
  const double d = std::max(std::hypot(p.x, p.z) - r, std::max(y - 1.55, -y + 0.01));
  const bool label = y > 0.25 && y < 0.72;
  const bool print = label && (std::abs(y - 0.6) < 0.03 || std::abs(y - 0.36) < 0.012);
  h.add(d * 0.6 - 0.01, {print   ? k.dark
                         : label ? vec{0.93, 0.9, 0.82}
                                 : k.main,
                         label ? 0.1 : 0.95, 0});
  h.add(cylinder(p - vec{0, 1.6, 0}, 0.145, 0.1, 0.02), {k.second, 0.4, 0.6});
  return h;
}

hit lamp(vec p, const look_of& k) {
  hit h;
  h.add(cylinder(p - vec{0, 0.05, 0}, 0.4, 0.05, 0.03), {k.dark, 0.6, 0.5});
  h.add(cylinder(p - vec{0, 0.55, 0}, 0.035, 0.55, 0.01), {{0.75, 0.7, 0.6}, 0.8, 0.9});
  const double y = p.y - 1.25;
  const double r = mix(0.62, 0.32 + 0.1 * k.variant, std::clamp((y + 0.3) / 0.6, 0.0, 1.0));
  const double shade = std::max(std::abs(std::hypot(p.x, p.z) - r) - 0.015, std::abs(y) - 0.3);
  const double pleat = 0.5 + 0.5 * std::sin(std::atan2(p.z, p.x) * 40);
  h.add(shade * 0.8, {mix(k.main, k.main * 1.25, pleat), 0.05, 0});
  h.add(sphere(p - vec{0, 1.15, 0}, 0.16), {{1.6, 1.45, 1.1}, 0, 0});
  return h;
}

hit phone(vec p, const look_of& k) {
  hit h;
  const vec q = turn_x(p - vec{0, 0.88, 0}, 0.16);
  const double body = box(q, {0.46, 0.88, 0.055}, 0.05);
  surface look{k.main, 0.6, 0.4};
  if (q.z > 0.035 && std::abs(q.x) < 0.42 && std::abs(q.y) < 0.83) {
    const double t = q.y / 1.66 + 0.5, u = q.x / 0.84 + 0.5;
    const double hills = 0.35 + 0.12 * std::sin(u * 5 + k.variant * 6) + 0.05 * std::sin(u * 13);
    const double sun = std::hypot(u - 0.68, (t - 0.68) * 2);
    vec screen = t < hills ? mix(k.dark, k.main, t / hills)
                           : mix({1, 0.75, 0.5}, k.second, (t - hills) * 1.7);
    if (sun < 0.12 && t > hills) screen = {1, 0.95, 0.8};
    if (t > 0.955 && std::abs(u - 0.5) < 0.12) screen = {0.02, 0.02, 0.02};
    look = {screen, 0.5, 0};
  }
  h.add(body * 0.95, look);
  h.add(box(p - vec{0, 0.03, -0.22}, {0.2, 0.03, 0.3}, 0.02), {{0.3, 0.3, 0.32}, 0.6, 0.6});
  return h;
}

hit camera(vec p, const look_of& k) {
  hit h;
  const vec q = p - vec{0, 0.5, 0};
  h.add(box(q, {0.78, 0.44, 0.26}, 0.07), {q.y > 0.22 ? vec{0.75, 0.74, 0.72} : k.main,
                                           q.y > 0.22 ? 0.6 : 0.15, q.y > 0.22 ? 0.7 : 0});
  h.add(box(q - vec{0, 0.5, 0}, {0.24, 0.1, 0.2}, 0.04), {{0.75, 0.74, 0.72}, 0.6, 0.7});
  h.add(cylinder(q - vec{0.52, 0.48, 0}, 0.1, 0.05, 0.02), {k.second, 0.6, 0.6});
  h.add(cylinder(q - vec{-0.52, 0.47, 0}, 0.13, 0.035, 0.02), {{0.2, 0.2, 0.2}, 0.6, 0.6});
  const vec l = turn_x(q - vec{0, -0.04, 0.26}, 1.5707963);
  const double rings = std::abs(std::fmod(l.y * 22 + 50, 1.0) - 0.5) * 0.015;
  double lens = cylinder(l, 0.34 + rings, 0.26 + 0.1 * k.variant, 0.02);
  lens = std::max(lens, -cylinder(l - vec{0, 0.3, 0}, 0.27, 0.2, 0));
  lens = std::max(lens, -cylinder(l + vec{0, 0.3, 0}, 0.27, 0.2, 0));
  h.add(lens * 0.9, {{0.06, 0.06, 0.07}, 0.5, 0.2});
  h.add(sphere(q - vec{0, -0.04, 0.3}, 0.25), {{0.05, 0.04, 0.12}, 1, 0});
  return h;
}

hit ring(vec p, const look_of& k) {
  hit h;
  const vec q = p - vec{0, 0.55, 0};
  h.add(torus(q, 0.5, 0.05), {mix({1, 0.78, 0.35}, {0.9, 0.9, 0.92}, k.variant > 0.5), 0.9, 1});
  vec g = turn_y(q - vec{0, 0.68, 0}, 0.3);
  const double octa = (std::abs(g.x) + std::abs(g.z) + std::abs(g.y) * 1.1 - 0.3) * 0.52;
  h.add(std::max(octa, g.y - 0.11), {k.main, 1, 0.35});
  for (int i = 0; i < 4; ++i) {
    const vec c = turn_y(g, i * 1.5707963 + 0.785);
    h.add(box(turn_z(c - vec{0.14, -0.05, 0}, 0.5), {0.018, 0.13, 0.018}, 0.015),
          {{0.9, 0.85, 0.7}, 0.9, 1});
  }
  return h;
}

hit gift(vec p, const look_of& k) {
  hit h;
  const double half = mix(0.4, 0.52, k.variant);
  const vec q = p - vec{0, half, 0};
  const bool ribbon = std::abs(q.x) < 0.09 || std::abs(q.z) < 0.09;
  const double dots = std::sin(q.x * 22) * std::sin(q.y * 22 + 1) * std::sin(q.z * 22 + 0.5);
  h.add(box(q, {0.56, half - 0.02, 0.56}, 0.02), {ribbon                  ? k.second
                                                  : std::abs(dots) > 0.55 ? k.main * 1.35
                                                                          : k.main,
                                                  ribbon ? 0.6 : 0.25, 0});
  h.add(box(q - vec{0, half - 0.06, 0}, {0.6, 0.1, 0.6}, 0.02),
        {ribbon ? k.second : k.main * 0.9, 0.4, 0});
  for (int i = 0; i < 4; ++i) {
    vec b = turn_y(p - vec{0, 2 * half + 0.12, 0}, i * 1.5707963 + 0.4);
    b = turn_z(b - vec{0.16, 0.03, 0}, -0.5);
    const double loop =
        std::max(std::abs(std::hypot(b.x * 0.8, b.y * 1.3) - 0.15) - 0.012, std::abs(b.z) - 0.08);
    h.add(loop * 0.7, {k.second, 0.6, 0});
  }
  return h;
}

hit headphones(vec p, const look_of& k) {
  hit h;
  const vec q = turn_x(p - vec{0, 0.68, 0}, -0.12);
  const double band =
      std::max(std::hypot(std::hypot(q.x, q.y) - 0.72, q.z * 0.55) - 0.045, -q.y - 0.1);
  h.add(band * 0.8, {k.dark, 0.5, 0.3});
  for (const double side : {-1.0, 1.0}) {
    const vec c = turn_z(q - vec{side * 0.68, -0.3, 0}, 1.5707963 + side * 0.12);
    h.add(cylinder(c, 0.3, 0.1, 0.05), {k.main, 0.7, 0.2});
    h.add(cylinder(c - vec{0, side * 0.11, 0}, 0.22, 0.02, 0.02), {k.second, 0.8, 0.7});
    h.add(cylinder(c + vec{0, side * 0.13, 0}, 0.27, 0.07, 0.06), {{0.07, 0.07, 0.08}, 0.1, 0});
  }
  return h;
}

hit fruit(vec p, const look_of& k) {
  hit h;
  const double r = length(p - vec{0, 0.95, 0});
  const double bowl = std::max(std::abs(r - 0.9) - 0.03, p.y - 0.55);
  h.add(bowl * 0.9, {std::abs(p.y - 0.46) < 0.035 ? k.second : k.main, 0.6, 0});
  h.add(cylinder(p - vec{0, 0.04, 0}, 0.36, 0.04, 0.02), {k.main, 0.6, 0});
  const vec colors[] = {{0.85, 0.12, 0.08},
                        {0.95, 0.5, 0.05},
                        {0.55, 0.75, 0.12},
                        {0.9, 0.78, 0.15},
                        {0.5, 0.1, 0.3}};
  for (int i = 0; i < 6; ++i) {
    const double a = i * 1.2566 + k.variant * 6;
    const vec c = i == 5 ? vec{0, 0.86, 0} : vec{0.42 * std::cos(a), 0.56, 0.42 * std::sin(a)};
    vec q = p - c;
    const double dimple = 0.08 * std::exp(-30 * (q.x * q.x + q.z * q.z)) * (q.y > 0);
    h.add((sphere(q, 0.27) + dimple) * 0.85,
          {colors[static_cast<std::size_t>(i) % 5] * (0.9 + 0.2 * k.variant), 0.45, 0});
    h.add(cylinder(q - vec{0.01, 0.24, 0}, 0.014, 0.07, 0.01), {{0.2, 0.12, 0.05}, 0.1, 0});
  }
  return h;
}

using product = hit (*)(vec, const look_of&);
struct kind {
  const char* name;
  product shape;
  double height, turn;
};
const kind kinds[] = {
    {"mug", mug, 1.1, 0.5},    {"vase", vase, 1.5, 0},        {"bottle", bottle, 1.7, 0},
    {"lamp", lamp, 1.55, 0},   {"phone", phone, 1.75, -0.45}, {"camera", camera, 1.1, -0.4},
    {"ring", ring, 1.4, 0.6},  {"gift", gift, 1.4, 0.5},      {"headphones", headphones, 1.4, -0.5},
    {"fruit", fruit, 1.15, 0},
};

struct placed {
  const kind* what;
  vec at;
  double turn;
  look_of look;
};

struct scene {
  std::vector<placed> things;
  int style = 0;
  vec backdrop, light, light_color;
  dice random{1};

  hit things_at(vec p) const {
    hit h;
    for (const auto& t : things) {
      const vec q = p - t.at;
      // Far from it a bound is enough.
      const double bound = length(q - vec{0, 0.85, 0}) - 1.35;
      if (bound > 0.4) {
        h.distance = std::min(h.distance, bound);
        continue;
      }
      const hit g = t.what->shape(turn_y(q, t.turn + t.what->turn), t.look);
      h.add(g.distance, g.look);
    }
    return h;
  }

  surface ground(vec p) const {
    if (style == 1) {
      const double plank = std::floor(p.x * 1.6);
      const double grain =
          std::sin(p.z * 1.3 + plank * 7 + 0.8 * std::sin(p.x * 9 + plank * 3 + p.z * 0.7)) +
          0.3 * std::sin(p.x * 38 + std::sin(p.z * 2.2 + plank) * 3);
      const double gap = std::abs(p.x * 1.6 - plank - 0.5) > 0.487 ? 0.45 : 1;
      return {mix({0.36, 0.2, 0.1}, {0.56, 0.34, 0.18}, 0.5 + 0.3 * grain) * gap, 0.25, 0};
    }
    return {backdrop, 0.12, 0};
  }

  hit map(vec p) const {
    hit h = things_at(p);
    if (p.y < h.distance) h.add(p.y, ground(p));
    return h;
  }

  // Two soft boxes above a gradient: what glossy things mirror.
  vec sky(vec d) const {
    if (style == 1) {
      const vec room = mix({0.12, 0.08, 0.06}, {0.3, 0.22, 0.16}, smoothstep(-0.2, 0.8, d.y));
      return room +
             vec{2.2, 1.8, 1.2} * smoothstep(0.9, 0.97, dot(d, normalize({-0.8, 0.45, 0.1})));
    }
    const vec base = mix(backdrop * 0.8, vec{1, 1, 1}, smoothstep(-0.1, 0.7, d.y));
    const double left = smoothstep(0.75, 0.85, dot(d, normalize({-0.8, 0.6, 0.4})));
    const double right = smoothstep(0.86, 0.92, dot(d, normalize({0.9, 0.35, 0.2})));
    return base + vec{1.5, 1.5, 1.5} * left + vec{0.6, 0.6, 0.65} * right;
  }

  vec normal(vec p) const {
    const double e = 0.0007;
    const auto at = [&](vec q) { return map(q).distance; };
    return normalize({at(p + vec{e, 0, 0}) - at(p - vec{e, 0, 0}),
                      at(p + vec{0, e, 0}) - at(p - vec{0, e, 0}),
                      at(p + vec{0, 0, e}) - at(p - vec{0, 0, e})});
  }

  double shadow(vec p, vec l) const {
    double light_left = 1;
    for (double t = 0.02; t < 5;) {
      const double d = things_at(p + l * t).distance;
      light_left = std::min(light_left, 0.5 + 0.5 * d / (0.09 * t));
      if (light_left < 0) break;
      t += std::clamp(d, 0.012, 0.3);
    }
    light_left = std::clamp(light_left, 0.0, 1.0);
    return light_left * light_left * (3 - 2 * light_left);
  }

  double openness(vec p, vec n) const {
    double covered = 0, weight = 1;
    for (int i = 1; i <= 5; ++i) {
      const double h = 0.06 * i;
      covered += std::max(0.0, h - map(p + n * h).distance) * weight;
      weight *= 0.75;
    }
    return std::clamp(1 - 1.3 * covered, 0.0, 1.0);
  }

  vec shade(vec origin, vec d, int depth) const {
    double t = 0.02;
    hit h;
    bool found = false;
    for (int i = 0; i < 160 && t < 30; ++i) {
      h = map(origin + d * t);
      if (h.distance < 0.0006 * t) {
        found = true;
        break;
      }
      t += h.distance;
    }
    if (!found) return depth == 0 && style != 1 ? behind(d) : depth == 0 ? sky(d) * 0.6 : sky(d);
    const vec p = origin + d * t;
    const vec n = normal(p);
    const vec base = h.look.color * h.look.color;  // to linear light
    const double sun = std::max(0.0, dot(n, light)) * shadow(p + n * 0.004, light);
    const double open = openness(p, n);
    const vec ambient = style == 1 ? vec{0.2, 0.17, 0.16} : vec{0.5, 0.51, 0.54};
    vec color = base * (light_color * sun + ambient * (open * (0.65 + 0.35 * n.y)));
    if (base.x > 1.2) color = base;  // shines by itself
    const vec r = d - n * (2 * dot(d, n));
    const double fresnel = std::pow(1 - std::max(0.0, -dot(d, n)), 5);
    const double mirror = h.look.gloss * mix(0.05 + 0.6 * fresnel, 0.85, h.look.metal);
    if (mirror > 0.02) {
      const vec tint = mix(vec{1, 1, 1}, base, h.look.metal);
      const vec seen = depth < 1 ? shade(p + n * 0.004, r, depth + 1) : sky(r);
      color = mix(color, seen * tint, mirror * (p.y < 0.002 ? 0.4 : 1));
    }
    color = color + light_color * (std::pow(std::max(0.0, dot(r, light)), 60) * h.look.gloss * 0.6 *
                                   (sun > 0));
    if (depth == 0 && style != 1) color = mix(color, behind(d), smoothstep(3.5, 11, length(p)));
    return color;
  }

  // The backdrop curves up behind the table.
  vec behind(vec d) const {
    const vec linear = backdrop * backdrop;
    return mix(linear * 0.82, linear * 1.08, smoothstep(-0.35, 0.25, d.y));
  }
};

std::uint8_t to_byte(double linear) {
  const double v = linear * (1 + linear * 0.12) / (1 + linear * 0.25);  // soft shoulder
  return static_cast<std::uint8_t>(
      std::clamp(std::pow(std::max(v, 0.0), 1 / 2.2) * 255 + 0.5, 0.0, 255.0));
}

look_of make_look(double hue, dice& random) {
  const double other = std::fmod(hue + 0.42 + 0.2 * random(), 1.0);
  return {from_hsv(hue, 0.62 + 0.25 * random(), 0.86), from_hsv(other, 0.25 + 0.4 * random(), 0.95),
          from_hsv(hue, 0.6, 0.22), random()};
}

scene make_scene(const std::string& name, double hue, int style, std::uint64_t seed) {
  scene s;
  s.style = style;
  s.random.state = seed * 977 + 13;
  for (int i = 0; i < 8; ++i) s.random();
  s.backdrop = style == 2 ? from_hsv(std::fmod(hue + 0.5, 1.0), 0.28, 0.97) : vec{0.97, 0.97, 0.98};
  s.light = style == 1 ? normalize({-0.75, 0.6, 0.35}) : normalize({-0.5, 0.9, 0.55});
  s.light_color = style == 1 ? vec{1.15, 0.85, 0.55} : vec{0.8, 0.79, 0.76};
  if (name == "shelf") {
    double x = -4.7;
    for (std::size_t i = 0; i < 7; ++i) {
      const auto& k = kinds[(i * 3 + seed) % std::size(kinds)];
      s.things.push_back(
          {&k,
           {x, 0, -0.3 + 0.6 * s.random()},
           0.4 * (s.random() - 0.5),
           make_look(std::fmod(hue + 0.13 * static_cast<double>(i), 1.0), s.random)});
      x += 1.55;
    }
    return s;
  }
  for (const auto& k : kinds) {
    if (name == k.name) {
      const double turn = style == 1 ? 1.2 * (s.random() - 0.5) : 0.3 * (s.random() - 0.5);
      s.things.push_back({&k, {}, turn, make_look(hue, s.random)});
    }
  }
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: render KIND WIDTH HEIGHT HUE STYLE SEED > rgb\n");
    return 2;
  }
  const std::string name = argv[1];
  const int width = std::atoi(argv[2]), height = std::atoi(argv[3]), style = std::atoi(argv[5]);
  scene s = make_scene(name, std::atof(argv[4]), style, std::strtoull(argv[6], nullptr, 10));
  if (s.things.empty() || width < 1 || height < 1 || width > 4096 || height > 4096) return 2;

  const bool shelf = name == "shelf";
  const double middle = shelf ? 0.75 : s.things[0].what->height * 0.5;
  const double distance = shelf ? 9.5 : style == 1 ? 4.6 + s.random() : 5.2;
  const double around = style == 1 ? 0.7 * (s.random() - 0.5) : 0.0;
  const double lift = style == 1 ? 0.42 + 0.25 * s.random() : shelf ? 0.13 : 0.3;
  const double roll = style == 1 ? 0.12 * (s.random() - 0.5) : 0.0;
  const vec eye =
      turn_y({0, middle + distance * std::sin(lift), distance * std::cos(lift)}, around);
  const vec forward = normalize(vec{0, middle, 0} - eye);
  const vec right0 = normalize(cross(forward, {0, 1, 0})), up0 = cross(right0, forward);
  const vec right = right0 * std::cos(roll) + up0 * std::sin(roll), up = cross(right, forward);
  const double focal = shelf ? 6.2 : style == 1 ? 3.5 : 4.1;
  constexpr int samples = 3;
  std::vector<std::uint8_t> row(static_cast<std::size_t>(width) * 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      vec sum;
      for (int i = 0; i < samples * samples; ++i) {
        const double u = x + (i % samples + 0.5) / samples, v = y + (i / samples + 0.5) / samples;
        const double px = (u - width * 0.5) / height, py = (height * 0.5 - v) / height;
        vec c = s.shade(eye, normalize(right * (2 * px) + up * (2 * py) + forward * focal), 0);
        sum = sum + vec{std::min(c.x, 1.6), std::min(c.y, 1.6), std::min(c.z, 1.6)};
      }
      sum = sum * (1.0 / (samples * samples));
      if (style == 1) {
        const double edge = std::hypot((x - width * 0.5) / width, (y - height * 0.5) / height);
        sum = sum * (1.15 - 0.9 * edge * edge);
      }
      const auto at = static_cast<std::size_t>(x) * 3;
      row[at] = to_byte(sum.x), row[at + 1] = to_byte(sum.y), row[at + 2] = to_byte(sum.z);
    }
    if (std::fwrite(row.data(), 1, row.size(), stdout) != row.size()) return 1;
  }
  return 0;
}
