;;; pen-test.el --- The face: autoloads, keys, mode line -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen)

(defconst pen-test--elisp (file-name-directory (locate-library "pen"))
  "Where our files are.")

(defun pen-test--matches (regexp file)
  "Return what the first group of REGEXP matches in FILE, sorted."
  (let (found)
    (with-temp-buffer
      (insert-file-contents file)
      (while (re-search-forward regexp nil t)
        (push (match-string 1) found)))
    (sort found #'string<)))

(defun pen-test--cookies (file)
  "Return the names that FILE marks with autoload cookies."
  (pen-test--matches "^;;;###autoload\n(\\(?:cl-\\|transient-\\)?def[a-z-]+ \\([^ \n]+\\)" file))

(ert-deftest pen-test-autoload-forms-equal-the-cookies ()
  (let ((cookies
         (mapcan #'pen-test--cookies
                 (seq-remove (lambda (file) (equal (file-name-nondirectory file) "pen.el"))
                             (directory-files pen-test--elisp t "\\.el\\'"))))
        (forms (pen-test--matches "^(autoload '\\([^ ]+\\)"
                                  (expand-file-name "pen.el" pen-test--elisp))))
    (should (equal (sort cookies #'string<) forms))))

(ert-deftest pen-test-autoload-forms-agree-with-the-files ()
  (with-temp-buffer
    (insert-file-contents (expand-file-name "pen.el" pen-test--elisp))
    (while (re-search-forward "^(autoload " nil t)
      (goto-char (match-beginning 0))
      (pcase-let ((`(,_ ',name ,file ,_ ,interactive) (read (current-buffer))))
        (require (intern file))
        (should (eq (and (commandp name) t) interactive))))))

(ert-deftest pen-test-the-face-loads-no-other-file-and-starts-nothing ()
  (with-temp-buffer
    (call-process (expand-file-name invocation-name invocation-directory) nil t nil
                  "-Q" "--batch" "-L" pen-test--elisp "-l" "pen" "--eval"
                  "(princ (list (seq-filter (lambda (f) (string-prefix-p \"pen-\" (symbol-name f))) features) (process-list)))")
    (should (equal (buffer-string) "(nil nil)"))))

(ert-deftest pen-test-mode-is-off-and-its-prefix-is-short ()
  (should-not (default-value 'pen-mode))
  (with-temp-buffer
    (pen-mode)
    (should (eq (key-binding (kbd "C-c ; p")) 'pen-pun-complete))
    (should (eq (key-binding (kbd "C-c ; f")) 'pen-finetune-region))))

(ert-deftest pen-test-mode-line-tells-what-runs ()
  (defvar pen-answer-activity)
  (defvar pen-job-activity)
  (let ((pen-answer-activity ":1/3")
        (pen-job-activity "[2 120/400]"))
    (should (equal (substring-no-properties (pen--mode-line)) " Pen:1/3[2 120/400]"))
    (let ((pen-mode-line nil))
      (should (equal (pen--mode-line) " Pen")))))

(provide 'pen-test)
;;; pen-test.el ends here
