;;; pen-redraw-test.el --- Twenty times a second -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'pen-redraw)

(ert-deftest pen-redraw-test-first-change-is-drawn-at-once ()
  (let* ((count 0)
         (redraw (pen-redraw-make (current-buffer) (lambda () (setq count (1+ count))))))
    (pen-redraw-soon redraw)
    (should (= count 1))))

(ert-deftest pen-redraw-test-changes-in-between-are-drawn-together ()
  (let* ((count 0)
         (redraw (pen-redraw-make (current-buffer) (lambda () (setq count (1+ count)))))
         (first (progn (pen-redraw-soon redraw) (pen-redraw-last redraw))))
    (cl-letf (((symbol-value 'pen-redraw-per-second) 0.001)) ; however long 1000 take
      (dotimes (_ 1000)
        (pen-redraw-soon redraw)))
    (should (= count 1))
    (should (pen-redraw-timer redraw))
    (pen-redraw-stop redraw)
    (dotimes (_ 1000)
      (pen-redraw-soon redraw))
    (pen-fixture-until (lambda () (> count 1)))
    (should (>= (- (pen-redraw-last redraw) first) (* 0.049 (1- count)))))) ; 20 times a second

(ert-deftest pen-redraw-test-nothing-is-drawn-after-a-stop-or-in-a-killed-buffer ()
  (let* ((count 0)
         (buffer (generate-new-buffer " *pen-redraw-test*"))
         (redraw (pen-redraw-make buffer (lambda () (setq count (1+ count))))))
    (pen-redraw-soon redraw)
    (pen-redraw-soon redraw)
    (pen-redraw-stop redraw)
    (should-not (pen-redraw-timer redraw))
    (kill-buffer buffer)
    (pen-redraw-now redraw)
    (should (= count 1))))

(ert-deftest pen-redraw-test-what-nobody-sees-is-drawn-when-it-is-shown ()
  (let ((count 0))
    (with-temp-buffer
      (let ((redraw (pen-redraw-make (current-buffer) (lambda () (setq count (1+ count))))))
        (pen-redraw-in-sight redraw)
        (should (= count 0))
        (pen-redraw-shown redraw)
        (should (= count 1))
        (pen-redraw-shown redraw)
        (should (= count 1))
        (pen-redraw-stop redraw)))))

(ert-deftest pen-redraw-test-a-killed-buffer-draws-no-more ()
  (let ((count 0) redraw)
    (with-temp-buffer
      (pen-redraw-this-buffer (lambda () (setq count (1+ count))))
      (setq redraw pen-redraw-here)
      (pen-redraw-now redraw)
      (pen-redraw-soon redraw)
      (should (pen-redraw-timer redraw))
      (run-hooks 'kill-buffer-hook)
      (should-not (pen-redraw-timer redraw))
      (should (= count 1)))))

(ert-deftest pen-redraw-test-each-window-stays-at-its-line ()
  (save-window-excursion
    (with-temp-buffer
      (delete-other-windows)
      (switch-to-buffer (current-buffer))
      (insert "a\nb\nc\n")
      (let ((other (split-window)))
        (set-window-point other 5)
        (goto-char 3)
        (pen-redraw-in-place
         (lambda () (erase-buffer) (insert "new\na\nb\nc\n"))
         (lambda (position &optional _start) (char-after position))
         (lambda (char) (1+ (string-match (string char) (buffer-string)))))
        (should (eq (char-after) ?b))
        (should (eq (char-after (window-point other)) ?c))))))

(ert-deftest pen-redraw-test-redisplay-tells-of-a-window-from-any-buffer ()
  (let ((buffer (generate-new-buffer "pen-redraw-test")) (drawn 0))
    (unwind-protect
        (save-window-excursion
          (with-current-buffer buffer
            (pen-redraw-this-buffer (lambda () (setq drawn (1+ drawn))))
            (pen-redraw-changed))
          (should (= drawn 0))
          (let ((window (display-buffer buffer)))
            (with-temp-buffer
              (funcall (car (buffer-local-value 'window-buffer-change-functions buffer)) window)))
          (should (= drawn 1)))
      (kill-buffer buffer))))

(ert-deftest pen-redraw-test-a-window-of-another-width-is-drawn-anew ()
  (let ((buffer (generate-new-buffer "pen-redraw-test")) (drawn 0) (before 17))
    (unwind-protect
        (save-window-excursion
          (with-current-buffer buffer
            (pen-redraw-this-buffer (lambda () (setq drawn (1+ drawn)))))
          (let* ((window (display-buffer buffer))
                 (tell (car (buffer-local-value 'window-size-change-functions buffer))))
            (cl-letf (((symbol-function 'window-old-body-pixel-width) (lambda (_) before)))
              (with-temp-buffer
                (funcall tell window)
                (should (= drawn 1))
                (setq before (window-body-width window t))
                (funcall tell window)))) ; only its height changed
          (should (= drawn 1)))
      (kill-buffer buffer))))

(ert-deftest pen-redraw-test-a-gap-ends-in-its-column-after-any-text ()
  (should (equal (get-text-property 0 'display (pen-redraw-gap 12)) '(space :align-to 12))))

(ert-deftest pen-redraw-test-a-header-means-what-it-says ()
  (with-temp-buffer
    (pen-redraw-header (concat "100 %d " (propertize "failed" 'face 'error)))
    (should (equal header-line-format "100 %%d failed"))
    (should (eq (get-text-property 8 'face header-line-format) 'error))))

(ert-deftest pen-redraw-test-of-a-wide-text-the-end-is-left ()
  (should (equal (mapcar (lambda (width) (pen-redraw-end "puns.org:12" width)) '(12 11 10 3))
                 '("puns.org:12" "puns.org:12" "…ns.org:12" "…12")))
  (should (equal (pen-redraw-end "日本語" 4) "…語")))

(provide 'pen-redraw-test)
;;; pen-redraw-test.el ends here
