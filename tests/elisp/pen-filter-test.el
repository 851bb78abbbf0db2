;;; pen-filter-test.el --- Texts under review -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'ediff)
(require 'pen-fixture)
(require 'pen-filter)

(defconst pen-filter-test-definition '(:slug "tidy" :n 2)
  "A definition that filters.")

(defmacro pen-filter-test-with (text events &rest body)
  "Run BODY with TEXT, of which all after the first line is under review by EVENTS."
  (declare (indent 2) (debug t))
  `(pen-fixture-with ,events
     (pen-fixture-in-buffer ,text
       (goto-char (point-min))
       (forward-line 1)
       (let ((filter (pen-filter-start (point) (point-max) pen-filter-test-definition
                                       '(("text" "x")) nil)))
         (ignore filter)
         ,@body))))

(defun pen-filter-test-shown (filter)
  "Return what is shown of FILTER in place of its text."
  (let ((overlay (pen-filter-overlay filter)))
    (substring-no-properties
     (concat (overlay-get overlay 'before-string) (overlay-get overlay 'display)))))

(defun pen-filter-test-see (filter text)
  "Wait until FILTER shows TEXT."
  (pen-fixture-until (lambda () (equal (pen-filter-test-shown filter) text))))

;;;; Reviewing

(ert-deftest pen-filter-test-new-text-is-shown-and-the-buffer-untouched ()
  (pen-filter-test-with "top\nold one\nold two\n" '((delta :index 0 :text "new"))
    (pen-filter-test-see filter "new [1/2…]\n")
    (pen-rpc-fake-event "fake-1" 'delta :index 0 :text " text")
    (pen-filter-test-see filter "new text [1/2…]\n")
    (apply #'pen-rpc-fake-event "fake-1" (pen-fixture-done "new text." "other"))
    (should (equal (pen-filter-test-shown filter) "new text. [1/2]\n"))
    (should (equal (buffer-string) "top\nold one\nold two\n"))
    (should-not (buffer-modified-p))
    (should-not buffer-undo-list)))

(ert-deftest pen-filter-test-the-old-text-stays-in-sight-until-there-is-a-new-one ()
  (pen-filter-test-with "top\nold" nil
    (pen-rpc-fake-settle)
    (pen-filter-test-see filter "[…] ")
    (pen-rpc-fake-event "fake-1" 'log :what 'text :text "starting engine…")
    (pen-filter-test-see filter "[starting engine…] ")
    (should-not (overlay-get (pen-filter-overlay filter) 'display))
    (should (eq (overlay-get (pen-filter-overlay filter) 'face) 'pen-filter-waiting))
    (pen-rpc-fake-event "fake-1" 'delta :index 0 :text "new")
    (pen-filter-test-see filter "new [1/2…]")
    (should-not (overlay-get (pen-filter-overlay filter) 'face))))

(ert-deftest pen-filter-test-no-other-candidate-says-how-to-get-one ()
  (pen-filter-test-with "top\nold" (list (pen-fixture-done "new"))
    (pen-filter-test-see filter "new [1/1]")
    (should (equal (cadr (should-error (pen-fixture-press "C-c C-n") :type 'user-error))
                   "There is no other candidate; reject with C-c C-k and run the prompt again for new ones"))))

(ert-deftest pen-filter-test-accept-is-one-undo-and-keeps-the-line-ends ()
  (pen-filter-test-with "top\nold\n\n" (list (pen-fixture-done "new\nlines"))
    (pen-filter-test-see filter "new\nlines [1/1]\n\n")
    (pen-fixture-press "C-c C-a")
    (should (equal (buffer-string) "top\nnew\nlines\n\n"))
    (should-not pen-filter--all)
    (should-not (overlays-in (point-min) (point-max)))
    (let ((last-command nil)) (undo))
    (should (equal (buffer-string) "top\nold\n\n"))))

(ert-deftest pen-filter-test-reject-keeps-the-text-and-cancels ()
  (pen-filter-test-with "top\nold" '((delta :index 0 :text "new"))
    (pen-filter-test-see filter "new [1/2…]")
    (pen-fixture-press "C-c C-k")
    (should (equal (buffer-string) "top\nold"))
    (should-not (buffer-modified-p))
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))))

(ert-deftest pen-filter-test-candidates-go-round ()
  (pen-filter-test-with "top\nold" (list (pen-fixture-done "a" "b"))
    (pen-filter-test-see filter "a [1/2]")
    (pen-fixture-press "C-c C-n")
    (should (equal (pen-filter-test-shown filter) "b [2/2]"))
    (pen-fixture-press "C-c C-n")
    (pen-fixture-press "C-c C-p")
    (pen-fixture-press "C-c C-a")
    (should (equal (buffer-string) "top\nb"))))

(ert-deftest pen-filter-test-diff-shows-old-and-new ()
  (skip-unless (executable-find "diff"))
  (pen-filter-test-with "top\nold\nsame\n" (list (pen-fixture-done "new\nsame"))
    (pen-filter-test-see filter "new\nsame [1/1]\n")
    (pen-fixture-press "C-c C-d")
    (with-current-buffer "*Diff*"
      (should (string-match-p "^-old\n\\+new\n same$" (buffer-string)))
      (kill-buffer))
    (should-not (get-buffer "*pen old*"))))

(ert-deftest pen-filter-test-ediff-compares-copies ()
  (pen-filter-test-with "top\nold\n" (list (pen-fixture-done "new"))
    (pen-filter-test-see filter "new [1/1]\n")
    (let (compared)
      (cl-letf (((symbol-function 'ediff-buffers)
                 (lambda (old new &rest _)
                   (setq compared (mapcar (lambda (each)
                                            (with-current-buffer each (buffer-string)))
                                          (list old new)))
                   (mapc #'kill-buffer (list old new)))))
        (pen-fixture-press "C-c C-e"))
      (should (equal compared '("old\n" "new\n"))))))

(ert-deftest pen-filter-test-several-reviews-at-a-time ()
  (pen-filter-test-with "top\nold" (list (pen-fixture-done "new"))
    (let ((other (pen-filter-start 1 4 pen-filter-test-definition '(("text" "y")) nil)))
      (pen-filter-test-see other "new [1/1]")
      (pen-filter-test-see filter "new [1/1]")
      (pen-fixture-refused (pen-filter-start 2 3 pen-filter-test-definition nil nil))
      (goto-char 2)
      (pen-fixture-press "C-c C-a")
      (should (equal (buffer-string) "new\nold"))
      (goto-char (point-min))
      (pen-filter-accept)               ; the only one left, wherever point is
      (should (equal (buffer-string) "new\nnew")))))

(ert-deftest pen-filter-test-abort-stops-what-runs-and-leaves-what-is-done ()
  (pen-filter-test-with "top\nold" (list (pen-fixture-done "new"))
    (pen-filter-test-see filter "new [1/1]")
    (should (= 0 (pen-abort)))
    (should pen-filter--all)))

;;;; What goes wrong

(ert-deftest pen-filter-test-a-text-that-was-changed-is-not-replaced ()
  (pen-filter-test-with "top\nold text" (list (pen-fixture-done "new"))
    (pen-filter-test-see filter "new [1/1]")
    (should (string-match-p "only in \\*pen-log\\*"
                            (pen-fixture-said (goto-char 6) (insert "x"))))
    (should-not pen-filter--all)
    (should (equal (buffer-string) "top\noxld text"))
    (with-current-buffer "*pen-log*"
      (should (string-match-p "not accepted:\nnew" (buffer-string))))))

(ert-deftest pen-filter-test-text-elsewhere-may-change ()
  (pen-filter-test-with "top\nold" (list (pen-fixture-done "new"))
    (pen-filter-test-see filter "new [1/1]")
    (goto-char 1)
    (insert "very ")
    (pen-filter-accept)
    (should (equal (buffer-string) "very top\nnew"))))

(ert-deftest pen-filter-test-a-buffer-killed-mid-stream-cancels ()
  (pen-filter-test-with "top\nold" '((delta :index 0 :text "new"))
    (pen-filter-test-see filter "new [1/2…]")
    (set-buffer-modified-p nil)
    (kill-buffer)
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))
    (pen-rpc-fake-event "fake-1" 'delta :index 0 :text "late")))

(ert-deftest pen-filter-test-an-error-mid-stream-keeps-the-new-text ()
  (pen-filter-test-with "top\nold" '((delta :index 0 :text "new"))
    (pen-filter-test-see filter "new [1/2…]")
    (pen-rpc-fake-event "fake-1" 'error :kind 'connection-lost :message "It ended.")
    (should (equal (pen-filter-test-shown filter) "new [1/1, cut off]"))
    (pen-filter-accept)
    (should (equal (buffer-string) "top\nnew"))))

(ert-deftest pen-filter-test-half-a-text-is-not-taken ()
  (pen-filter-test-with "top\nold" '((delta :index 0 :text "ne"))
    (pen-filter-test-see filter "ne [1/2…]")
    (should (string-match-p "still being written"
                            (pen-fixture-refused (pen-fixture-press "C-c C-a"))))
    (should (equal (buffer-string) "top\nold"))
    (apply #'pen-rpc-fake-event "fake-1" (pen-fixture-done "new"))
    (pen-fixture-press "C-c C-a")
    (should (equal (buffer-string) "top\nnew"))))

(ert-deftest pen-filter-test-nothing-written-is-said ()
  (let (said)
    (pen-filter-test-with "top\nold" nil
      (pen-rpc-fake-settle)
      (setq said (pen-fixture-said
                  (apply #'pen-rpc-fake-event "fake-1" (pen-fixture-done " "))))
      (should-not pen-filter--all)
      (should (equal (buffer-string) "top\nold")))
    (should (string-match-p "wrote nothing" said))))

(ert-deftest pen-filter-test-what-cannot-be-replaced-is-refused ()
  (pen-fixture-with nil
    (pen-fixture-in-buffer (concat "abc" (propertize "def" 'read-only t))
      (pen-fixture-refused (pen-filter-check 2 2))
      (pen-fixture-refused (pen-filter-check 1 5))
      (pen-fixture-refused (pen-filter-check 5 7))
      (setq buffer-read-only t)
      (pen-fixture-refused (pen-filter-check 1 3))
      (setq buffer-read-only nil)
      (let ((inhibit-read-only t)) (erase-buffer)))
    (pen-fixture-in-buffer ""
      (dolist (command '(pen-filter-accept pen-filter-reject pen-filter-diff pen-filter-next))
        (pen-fixture-refused (call-interactively command))))))

(ert-deftest pen-filter-test-a-buffer-that-becomes-read-only-loses-nothing ()
  (pen-filter-test-with "top\nold" (list (pen-fixture-done "new"))
    (pen-filter-test-see filter "new [1/1]")
    (setq buffer-read-only t)
    (pen-fixture-refused (pen-filter-accept))
    (setq buffer-read-only nil)
    (pen-filter-accept)
    (should (equal (buffer-string) "top\nnew"))))

(ert-deftest pen-filter-test-a-narrowed-buffer-is-replaced-all-the-same ()
  (pen-filter-test-with "top\nold" (list (pen-fixture-done "new"))
    (pen-filter-test-see filter "new [1/1]")
    (narrow-to-region 1 3)
    (pen-filter-accept)
    (should (equal (buffer-string) "to"))
    (widen)
    (should (equal (buffer-string) "top\nnew"))))

(ert-deftest pen-filter-test-an-indirect-buffer-has-its-own-review ()
  (pen-fixture-with (list (pen-fixture-done "new"))
    (pen-fixture-in-buffer "top\nold"
      (let ((base (current-buffer)))
        (with-current-buffer (make-indirect-buffer base "pen-indirect")
          (unwind-protect
              (let ((filter (pen-filter-start 5 8 pen-filter-test-definition nil nil)))
                (pen-filter-test-see filter "new [1/1]")
                (should-not (buffer-local-value 'pen-filter--all base))
                (pen-filter-accept)
                (should (equal (with-current-buffer base (buffer-string)) "top\nnew")))
            (kill-buffer)))))))

(ert-deftest pen-filter-test-a-text-changed-through-the-base-buffer-is-not-replaced ()
  (pen-fixture-with (list (pen-fixture-done "new"))
    (pen-fixture-in-buffer "top\nold text"
      (let ((base (current-buffer)))
        (with-current-buffer (make-indirect-buffer base "pen-indirect")
          (unwind-protect
              (let ((filter (pen-filter-start 5 13 pen-filter-test-definition nil nil)))
                (pen-filter-test-see filter "new [1/1]")
                (with-current-buffer base (goto-char 7) (insert "XY"))
                (pen-fixture-refused (pen-filter-accept))
                (should (equal (buffer-string) "top\nolXYd text")))
            (kill-buffer)))))))

(ert-deftest pen-filter-test-keys-answer-within-10-ms ()
  (pen-fixture-quickest
   0.01 (lambda ()
          (pen-filter-test-with (concat "top\n" (make-string 20000 ?o))
              (list (pen-fixture-done (make-string 20000 ?a) (make-string 20000 ?b)))
            (pen-fixture-until (lambda () (pen-filter-done filter)))
            (max (pen-fixture-work #'pen-filter-next)
                 (pen-fixture-work #'pen-filter-accept))))))

(provide 'pen-filter-test)
;;; pen-filter-test.el ends here
