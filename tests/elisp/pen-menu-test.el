;;; pen-menu-test.el --- The menu, rendered by the transient that is there -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; With EMACSLOADPATH=/directory: (and the colon), the transient in that directory
;; is tested instead of the one that comes with Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'transient)
(require 'pen-fixture)
(require 'pen-menu)

(defun pen-menu-test-shown ()
  "Return what the menu shows."
  (unwind-protect
      (progn (call-interactively #'pen-menu)
             (with-current-buffer transient--buffer-name
               (buffer-substring-no-properties (point-min) (point-max))))
    (ignore-errors (transient-quit-one))
    (ignore-errors (transient--emergency-exit))))

(ert-deftest pen-menu-test-shows-the-model-the-backend-and-every-group ()
  (let ((pen-default-model "local/puns"))
    (pen-rpc-fake-with nil
      (let ((shown (pen-menu-test-shown)))
        (should (string-match-p "\\`Pen +model: local/puns +backend: running\n" shown))
        (dolist (text '("Complete" "Data set" "Fine-tune" "Models" "p pun at point"
                        "b build from region" "f fine-tune region" "m choose model"
                        "-n candidates" "-t temperature" "-T max-tokens"))
          (should (string-match-p (regexp-quote text) shown)))))))

(ert-deftest pen-menu-test-options-that-are-set-are-shown-and-given ()
  (let ((prefix (get 'pen-menu 'transient--prefix)) (given '("candidates=5" "temperature=.8")))
    (unwind-protect
        (pen-rpc-fake-with nil
          (oset prefix value given)
          (let ((shown (pen-menu-test-shown)))
            (should (string-match-p "-n candidates=5 +-t temperature=\\.8 +-T max-tokens" shown)))
          (should (equal (pen-menu--arguments) '(:n 5 :temperature 0.8))))
      (slot-makeunbound prefix 'value))))

(ert-deftest pen-menu-test-fits-into-a-terminal-of-eighty-columns ()
  (let ((pen-default-model "local/puns"))
    (pen-rpc-fake-with nil
      (dolist (line (split-string (pen-menu-test-shown) "\n"))
        (should (<= (string-width line) 79))))))

(ert-deftest pen-menu-test-each-key-is-a-command-and-used-once ()
  (let ((text (with-temp-buffer
                (insert-file-contents (locate-library "pen-menu.el"))
                (search-forward "(transient-define-prefix")
                (buffer-substring (point) (point-max))))
        (start 0) keys)
    (while (string-match "(\"\\([^\"]+\\)\" \"[^\"]+\" \\([^\")]+\\))" text start)
      (setq start (match-end 0))
      (push (match-string 1 text) keys)
      (should (commandp (intern (match-string 2 text)))))
    (should (> (length keys) 20))
    (should (equal (length keys) (length (delete-dups (copy-sequence keys)))))))

(ert-deftest pen-menu-test-options-are-numbers-or-refused ()
  (should (equal (pen-menu--given '("candidates=5" "temperature=.8" "max-tokens=60"))
                 '(:n 5 :temperature 0.8 :max-tokens 60)))
  (should-not (pen-menu--given nil))
  (dolist (wrong '("candidates=0" "candidates=x" "temperature=" "max-tokens=1.5"))
    (should (string-match-p "; give it a "
                            (cadr (should-error (pen-menu--given (list wrong))
                                                :type 'user-error))))))

(ert-deftest pen-menu-test-an-option-is-asked-for-until-it-fits ()
  (let ((answers '("abc" "1.5" ".5")) initials)
    (cl-letf (((symbol-function 'read-string)
               (lambda (_ initial &rest _) (push initial initials) (pop answers)))
              ((symbol-function 'sit-for) #'ignore))
      (should (equal (pen-menu--read "temperature=" nil nil) "1.5"))
      (should (equal initials '("abc" nil)))
      (setq answers '("0" "4"))
      (should (equal (pen-menu--read "candidates=" nil nil) "4"))
      (setq answers '(""))
      (should-not (pen-menu--read "max-tokens=" nil nil)))))

(ert-deftest pen-menu-test-options-go-with-the-completion ()
  (pen-fixture-with (list (pen-fixture-done "x"))
    (cl-letf (((symbol-function 'transient-args) (lambda (_) '("candidates=2" "max-tokens=9"))))
      (pen-fixture-in-buffer "What do you call a test?"
        (pen-menu-long)
        (pen-fixture-until (lambda () (listp (pen-rpc-fake-last "completions-start"))))
        (let ((asked (pen-rpc-fake-last "completions-start")))
          (should (equal (list (plist-get asked :n) (plist-get asked :max-tokens)
                               (plist-get asked :long))
                         '(2 9 t))))
        (pen-abort t)))))

(ert-deftest pen-menu-test-nothing-needs-the-menu ()
  (dolist (file (directory-files (file-name-directory (locate-library "pen")) t "\\.el\\'"))
    (with-temp-buffer
      (insert-file-contents file)
      (should-not (re-search-forward "(require 'pen-menu)" nil t)))))

(provide 'pen-menu-test)
;;; pen-menu-test.el ends here
